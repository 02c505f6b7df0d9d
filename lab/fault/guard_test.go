package fault

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"skidpad.dev/skidpad/lab/docker"
)

// envMaker makes the test binary a maker: the maker makes a fault and waits for a kill.
const envMaker = "SKIDPAD_TEST_FAULT_MAKER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(envMaker); dir != "" {
		in := New(nil, examplePlan(), dir, nil, nil)
		token, err := in.guarded(context.Background())
		if err == nil {
			err = in.store.write(&record{ID: "0a0b0c", Lab: "lab1", Maker: token, State: InForce, Hold: "bgp/x/", Fault: Made{ID: "0a0b0c", Fault: &BGPClear{Router: "r1"}}})
		}
		if err != nil {
			println(err.Error())
			os.Exit(1)
		}
		println("made")
		select {}
	}
	os.Exit(m.Run())
}

// A killed maker leaves no fault: the guard undoes the maker's faults, and ends.
func TestGuardClearsForAKilledMaker(t *testing.T) {
	// A socket's file outlives the engine, and the test therefore asks the engine, like the guard.
	if _, err := docker.Connect(t.Context()); err != nil {
		t.Skip("the guard connects to an engine: ", err)
	}
	dir := t.TempDir()
	// A fault of another process, not to be undone by this guard.
	other := store{dir: filepath.Join(dir, "faults")}
	if err := other.write(&record{ID: "ffffff", Lab: "lab1", Maker: "another", State: InForce, Hold: "bgp/y/", Fault: Made{ID: "ffffff", Fault: &BGPClear{Router: "r1"}}}); err != nil {
		t.Fatal(err)
	}
	maker := exec.Command("/proc/self/exe")
	maker.Env = append(os.Environ(), envMaker+"="+dir)
	said, err := maker.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := maker.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 200)
	n, _ := said.Read(line)
	if !strings.Contains(string(line[:n]), "made") {
		t.Fatalf("the maker says %q", line[:n])
	}
	if _, err := other.read("0a0b0c"); err != nil {
		t.Fatal(err)
	}
	if err := maker.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = maker.Wait()
	deadline := time.Now().Add(10 * time.Second)
	for {
		_, err := other.read("0a0b0c")
		if errors.Is(err, os.ErrNotExist) {
			break
		}
		if time.Now().After(deadline) {
			log, _ := os.ReadFile(filepath.Join(dir, "faults", "guard.log"))
			t.Fatalf("the fault is still there after 10 s (%v); the guard says: %s", err, log)
		}
		time.Sleep(20 * time.Millisecond)
	}
	if _, err := other.read("ffffff"); err != nil {
		t.Errorf("the other process's fault: %v", err)
	}
}
