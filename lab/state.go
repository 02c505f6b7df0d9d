package lab

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/plan"
)

// planLabel holds what is kept of a lab on each of its networks, so that any process finds the lab without its scenario file.
const planLabel = "dev.skidpad.plan"

// kept is what a lab's networks tell of it.
type kept struct {
	Plan   *plan.Plan                `json:"plan"`
	Images map[string]image.Resolved `json:"images"`
	// Missing are parts of the plan that were left out, and why.
	Missing map[string]string `json:"missing,omitempty"`
}

// encode packs what is kept into a label's value: JSON, gzip, base64.
func encode(k kept) (string, error) {
	raw, err := json.Marshal(k)
	if err != nil {
		return "", fmt.Errorf("lab bug: plan of %s cannot be written: %w", k.Plan.Lab, err)
	}
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	if _, err := z.Write(raw); err != nil {
		return "", err
	}
	if err := z.Close(); err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(buf.Bytes()), nil
}

// decode is the inverse of encode.
func decode(label string) (k kept, err error) {
	packed, err := base64.StdEncoding.DecodeString(label)
	if err != nil {
		return k, err
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return k, err
	}
	raw, err := io.ReadAll(z)
	if err != nil {
		return k, err
	}
	if err := json.Unmarshal(raw, &k); err != nil {
		return k, err
	}
	if k.Plan == nil {
		return k, errors.New("there is no plan in it")
	}
	return k, nil
}

// Dir is where a lab's files are: its kubeconfig and its lock. It follows the XDG base directory specification.
func Dir(name string) (string, error) {
	base := os.Getenv("XDG_STATE_HOME")
	if base == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("no place for the lab's files: %w; set XDG_STATE_HOME", err)
		}
		base = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(base, "skidpad", name), nil
}

// lock is held by the one `up` of a lab that runs. The kernel lets go of it when its holder dies, however that happens.
type lock struct{ f *os.File }

// acquire takes the lab's lock or says which process holds it.
func acquire(name string) (*lock, error) {
	dir, err := Dir(name)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return lockFile(filepath.Join(dir, "up.lock"), name)
}

// claimSubnets takes the lock that a bring-up holds from looking for free subnets until it has its networks.
func claimSubnets(ctx context.Context) (*lock, error) {
	dir, err := Dir("")
	if err != nil {
		return nil, err
	}
	return retryLock(ctx, subnetsWithin, func() (*lock, error) { return lockFile(filepath.Join(dir, "subnets.lock"), "(another)") })
}

// lockFile takes a lock or returns a *BusyError with its holder.
func lockFile(path, name string) (*lock, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		pid := readPid(f)
		_ = f.Close()
		return nil, &BusyError{Lab: name, Pid: pid}
	}
	if err := f.Truncate(0); err == nil {
		_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())), 0)
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	return &lock{f}, nil
}

// subnetsWithin is how long another bring-up may take from choosing its subnets to having its networks.
const subnetsWithin = 30 * time.Second

// retryLock tries to take a lock for d at the most.
func retryLock(ctx context.Context, d time.Duration, try func() (*lock, error)) (*lock, error) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		held, err := try()
		if err == nil {
			return held, nil
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-tick.C:
		}
	}
}

// release lets the next `up` in.
func (l *lock) release() { _ = l.f.Close() }

func readPid(f *os.File) int {
	b := make([]byte, 16)
	n, _ := f.ReadAt(b, 0)
	pid, _ := strconv.Atoi(strings.TrimSpace(string(b[:n])))
	return pid
}

// BusyError says that another process is bringing the lab up or taking it down.
type BusyError struct {
	Lab string
	Pid int
}

// Error names the process that is at work on the lab.
func (e *BusyError) Error() string {
	return fmt.Sprintf("lab %s: process %d is at work on it; wait for it, or take the lab down with: skidpad down --name %s", e.Lab, e.Pid, e.Lab)
}
