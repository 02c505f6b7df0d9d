package main

import (
	"errors"
	"io"
	"os"
	"testing"

	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/klog/v2"
)

// No log line of client-go reaches the terminal: progress is drawn there.
func TestClientsLogNothing(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr := os.Stderr
	os.Stderr = w
	defer func() { os.Stderr = stderr }()
	silenceClients()
	defer klog.ClearLogger()
	klog.Info("an information")
	klog.Warning("a warning")
	klog.Error("an error")
	utilruntime.HandleErrorWithContext(t.Context(), errors.New("no route"), "an error that nobody handles")
	klog.Flush()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if out, err := io.ReadAll(r); err != nil || len(out) > 0 {
		t.Errorf("seen on standard error: %q, %v", out, err)
	}
}
