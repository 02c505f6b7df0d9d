package pace

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestStretch(t *testing.T) {
	for env, want := range map[string]time.Duration{"": 10 * time.Second, "3.00": 30 * time.Second, "0.5": 10 * time.Second, "NaN": 10 * time.Second, "slow": 10 * time.Second} {
		t.Setenv(SlownessEnv, env)
		if got := Stretch(10 * time.Second); got != want {
			t.Errorf("%s=%q: %v, want %v", SlownessEnv, env, got, want)
		}
	}
	if got := Env(2.5); got != "SKIDPAD_SLOWNESS=2.50" {
		t.Errorf("Env: %s", got)
	}
}

func TestEndedAppendsLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ended.jsonl")
	t.Setenv(FileEnv, path)
	for _, text := range []string{"a", "b"} {
		if err := Ended(Spec{Text: text, State: "passed", Seconds: 1}); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if want := `{"text":"a","state":"passed","seconds":1}` + "\n" + `{"text":"b","state":"passed","seconds":1}` + "\n"; err != nil || string(got) != want {
		t.Errorf("%q, %v", got, err)
	}
}
