//go:build linux

package host

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// WatchFolder opens an inotify(7) instance for events in a folder, as IN_CREATE. A read blocks until the next event.
func WatchFolder(folder string, what uint32) (*os.File, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("inotify: %w; too few instances (fs.inotify.max_user_instances)? `skidpad doctor` tells", err)
	}
	file := os.NewFile(uintptr(fd), "inotify "+folder)
	if _, err := unix.InotifyAddWatch(fd, folder, what); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("inotify: folder %s: %w; reading inside containers needs root", folder, err)
	}
	return file, nil
}
