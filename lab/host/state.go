package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"skidpad.dev/skidpad/lab/system"
	"skidpad.dev/skidpad/lab/wait"
)

// StateDir returns the folder for state that lasts until the next boot: /run/skidpad for root, otherwise a
// folder of the user. StateDir makes the folder.
func StateDir() (string, error) {
	dir := "/run/skidpad"
	if os.Geteuid() != 0 {
		dir = os.Getenv("XDG_RUNTIME_DIR")
		if dir == "" {
			dir = os.TempDir()
		}
		dir = filepath.Join(dir, fmt.Sprintf("skidpad-%d", os.Geteuid()))
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("state folder: %w", err)
	}
	// In a shared temporary folder, another user may have made the folder first.
	info, err := os.Lstat(dir)
	if err != nil {
		return "", fmt.Errorf("state folder: %w", err)
	}
	if owner, _, ok := system.Owner(info); !info.IsDir() || ok && owner != os.Geteuid() {
		return "", fmt.Errorf("state folder %s: it belongs to user %d, not to you; remove it or set XDG_RUNTIME_DIR", dir, owner)
	}
	return dir, nil
}

// lock prevents two processes of one user from bringing up an engine at the same time. lock waits until the
// context ends.
func lock(ctx context.Context) (unlock func(), err error) {
	dir, err := StateDir()
	if err != nil {
		return nil, err
	}
	return lockFile(ctx, filepath.Join(dir, "engine.lock"))
}

// lockFile takes an flock(2) on a file. The kernel releases the lock when the process ends, for any reason.
func lockFile(ctx context.Context, path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	err = wait.Until(ctx, wait.For{What: path + " is no longer held by another run"}, func(context.Context) error {
		return system.TryLock(f)
	})
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() { _ = f.Close() }, nil
}
