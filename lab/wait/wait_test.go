package wait

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

var errNotYet = errors.New("not yet")

func TestUntil(t *testing.T) {
	for name, c := range map[string]struct {
		wait      For
		limit     time.Duration // of the caller's context; 0: none
		try       func(ctx context.Context, n int) error
		took      time.Duration
		tries     int
		want      string // of the error; empty: none
		overdue   bool
		unwrapped error
	}{
		"succeeds at the third try": {wait: For{What: "r1 answers", Every: time.Second}, try: func(_ context.Context, n int) error {
			if n < 3 {
				return errNotYet
			}
			return nil
		}, took: 2 * time.Second, tries: 3},
		"the deadline passes": {wait: For{What: "r1 answers", Within: 250 * time.Millisecond}, try: func(context.Context, int) error { return errNotYet },
			took: 250 * time.Millisecond, tries: 3, want: "r1 answers: not after 250ms; last seen: not yet", overdue: true, unwrapped: errNotYet},
		"the deadline ends a try, which saw nothing": {wait: For{What: "r1 answers", Within: time.Second}, try: func(ctx context.Context, n int) error {
			if n == 1 {
				return errNotYet
			}
			<-ctx.Done()
			return ctx.Err()
		}, took: time.Second, tries: 2, want: "r1 answers: not after 1s; last seen: not yet", overdue: true, unwrapped: context.DeadlineExceeded},
		"a try with its own limit ends after the deadline": {wait: For{What: "r1 answers", Within: time.Second, Each: 3 * time.Second}, try: func(ctx context.Context, _ int) error {
			return Sleep(ctx, 2*time.Second)
		}, took: 2 * time.Second, tries: 1},
		"a try is cut off": {wait: For{What: "r1 answers", Within: time.Second, Each: 3 * time.Second}, try: func(ctx context.Context, _ int) error {
			return Sleep(ctx, time.Hour)
		}, took: 3 * time.Second, tries: 1, want: "r1 answers: not after 3s; last seen: context deadline exceeded", overdue: true},
		"the caller's context ends": {wait: For{What: "r1 answers", Within: time.Hour, Every: time.Minute}, limit: time.Second, try: func(context.Context, int) error { return errNotYet },
			took: time.Second, tries: 1, want: "r1 answers: not after 1s: context deadline exceeded; last seen: not yet", unwrapped: errNotYet},
		"the condition cannot come": {wait: For{What: "r1 answers"}, try: func(context.Context, int) error { return Stop(errNotYet) },
			tries: 1, want: "r1 answers: not yet", unwrapped: errNotYet},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx := t.Context()
				if c.limit > 0 {
					limited, cancel := context.WithTimeout(ctx, c.limit)
					defer cancel()
					ctx = limited
				}
				began, tries := time.Now(), 0
				err := Until(ctx, c.wait, func(ctx context.Context) error {
					tries++
					return c.try(ctx, tries)
				})
				if took := time.Since(began); took != c.took || tries != c.tries {
					t.Errorf("seen %d tries in %s, wanted %d in %s", tries, took, c.tries, c.took)
				}
				if (err == nil) != (c.want == "") || err != nil && err.Error() != c.want {
					t.Errorf("seen %v, wanted %q", err, c.want)
				}
				if c.unwrapped != nil && !errors.Is(err, c.unwrapped) {
					t.Errorf("%v does not wrap %v", err, c.unwrapped)
				}
				if e := (*Error)(nil); errors.As(err, &e) && e.Overdue != c.overdue {
					t.Errorf("overdue: %v, wanted %v", e.Overdue, c.overdue)
				}
			})
		})
	}
}

func TestSleepEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		why := errors.New("Ctrl-C")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(why) })
		began := time.Now()
		if err := Sleep(ctx, time.Hour); !errors.Is(err, why) || time.Since(began) != time.Second {
			t.Errorf("seen %v after %s", err, time.Since(began))
		}
		if err := Sleep(ctx, 0); !errors.Is(err, why) {
			t.Errorf("an ended context: seen %v", err)
		}
		if err := Sleep(t.Context(), -time.Second); err != nil {
			t.Errorf("no time: seen %v", err)
		}
	})
}

// TestNothingElsePauses fails when production code under lab or tools pauses by itself. The listed files pace work or
// follow a source for as long as their caller wants; none of them waits for a condition.
func TestNothingElsePauses(t *testing.T) {
	allowed := map[string]string{
		"lab/wait/wait.go":              "Sleep",
		"lab/agent/wire/delay_linux.go": "holds packets for their delay",
		"lab/capture/here_linux.go":     "flushes a file regularly while packets are recorded",
		"lab/fault/journal.go":          "follows a file that other processes write",
		"lab/fault/flap.go":             "a flap's rhythm",
		"lab/image/progress.go":         "tells the progress of a build for as long as the build lasts",
		"lab/watch/connections.go":      "follows the kernel's table of connections",
		"lab/watch/daemons.go":          "follows the processes of /proc",
		"tools/runs/progress.go":        "looks at the progress of a run for as long as the run lasts",
		"tools/skidpad/screen.go":       "redraws the terminal",
	}
	pauses := regexp.MustCompile(`\btime\.(After|Sleep|NewTicker|NewTimer|Tick)\(`)
	var found []string
	root := filepath.Join("..", "..")
	for _, dir := range []string{"lab", "tools"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			if err == nil && pauses.Match(text) {
				name, _ := filepath.Rel(root, path)
				found = append(found, filepath.ToSlash(name))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range found {
		if allowed[f] == "" {
			t.Errorf("%s pauses by itself; use wait.Until or wait.Sleep, or add the file to this list with a reason", f)
		}
	}
	for f := range allowed {
		if !slices.Contains(found, f) {
			t.Errorf("%s does not pause; remove it from this list", f)
		}
	}
}
