package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"skidpad.dev/skidpad/lab/system"
	"skidpad.dev/skidpad/lab/wait"
)

// Artefact returns the cache folder of an artefact, and makes the artefact first if missing. name is for people and for
// the folder's name, key is the hash of the inputs, and fill fills the given folder. The folder gets its final name
// only when complete. Of several callers at the same time, in this process and in others, one makes the artefact and
// the others wait.
func (b *Builder) Artefact(ctx context.Context, name, key string, fill func(ctx context.Context, dir string) error) (string, error) {
	return b.artefact(ctx, name, key, fill, func(fn func() error) error { return fn() })
}

// HeavyArtefact is Artefact for an artefact whose build keeps a core busy: the build waits for its turn first. fill
// must not ask for another heavy artefact.
func (b *Builder) HeavyArtefact(ctx context.Context, name, key string, fill func(ctx context.Context, dir string) error) (string, error) {
	return b.artefact(ctx, name, key, fill, func(fn func() error) error { return b.Heavy(ctx, fn) })
}

func (b *Builder) artefact(ctx context.Context, name, key string, fill func(ctx context.Context, dir string) error, turn func(func() error) error) (string, error) {
	path := filepath.Join(b.cache, "artefacts", name+"-"+key[:16])
	b.mu.Lock()
	if f, ok := b.flight[path]; ok {
		b.mu.Unlock()
		select {
		case <-f.done:
			return f.path, f.err
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
	f := &flight{done: make(chan struct{}), path: path}
	b.flight[path] = f
	b.mu.Unlock()

	if _, err := os.Stat(path); err != nil {
		f.err = turn(func() error { return b.makeArtefact(ctx, name, path, fill) })
	}
	if f.err != nil {
		f.path = ""
		b.mu.Lock()
		delete(b.flight, path) // a later try may succeed
		b.mu.Unlock()
	}
	close(f.done)
	return f.path, f.err
}

func (b *Builder) makeArtefact(ctx context.Context, name, path string, fill func(ctx context.Context, dir string) error) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("build cache: %w; free the disk or set XDG_CACHE_HOME", err)
	}
	unlock, err := lock(ctx, path+".lock")
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := os.Stat(path); err == nil {
		return nil // made meanwhile by another process
	}
	start := time.Now()
	tmp := path + ".tmp"
	if err := os.RemoveAll(tmp); err != nil {
		return fmt.Errorf("build cache: remains of an interrupted build: %w", err)
	}
	if err := os.MkdirAll(tmp, 0o755); err != nil {
		return fmt.Errorf("build cache: %w", err)
	}
	b.report(Event{What: name, Status: Started})
	if err := fill(ctx, tmp); err != nil {
		_ = os.RemoveAll(tmp)
		err = explainDisk(name, err)
		b.report(Event{What: name, Status: Failed, Detail: err.Error(), Elapsed: time.Since(start)})
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return fmt.Errorf("build cache: %w", err)
	}
	b.report(Event{What: name, Status: Built, Elapsed: time.Since(start)})
	return nil
}

// lock takes an exclusive lock on a file, waiting for its holder. The lock dies with its process.
func lock(ctx context.Context, path string) (func(), error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("build cache: %w", err)
	}
	err = wait.Until(ctx, wait.For{What: "build cache: lock " + path}, func(context.Context) error {
		err := system.TryLock(file)
		if err != nil && !errors.Is(err, system.ErrLocked) {
			return wait.Stop(err)
		}
		return err
	})
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return func() { _ = file.Close() }, nil
}

// ErrDiskFull means that the disk of the build cache or of the engine has no room left.
var ErrDiskFull = errors.New("no space left on the disk")

// explainDisk turns the error of a full disk, from any source, into a sentence with advice.
func explainDisk(what string, err error) error {
	if errors.Is(err, syscall.ENOSPC) || strings.Contains(err.Error(), "no space left on device") {
		return fmt.Errorf("%s: %w: a build of all images needs about 12 GB in the cache folder and the engine's; "+
			"free some and run the same command again, the build continues: %w", what, ErrDiskFull, err)
	}
	return err
}
