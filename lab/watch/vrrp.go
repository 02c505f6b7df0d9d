//go:build linux

package watch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"skidpad.dev/skidpad/lab/host"
	"skidpad.dev/skidpad/lab/timeline"
)

// notifyFolder is the folder of the states from keepalived's notify script, in a gateway member's container.
const notifyFolder = "/etc/skidpad/gateway"

// watchNotify reports a gateway member's VRRP state. keepalived's notify script moves a file with the state into the
// folder.
func (w *Watch) watchNotify(ctx context.Context, p place, pid int, again bool, ready func()) error {
	folder := fmt.Sprintf("/proc/%d/root%s", pid, notifyFolder)
	in, err := watchFolder(folder)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = in.Close() })
	defer func() {
		stop()
		_ = in.Close()
	}()
	file := path.Join(folder, "state")
	last := ""
	if line, err := os.ReadFile(file); err == nil {
		kind := "state"
		if again {
			kind = ""
		}
		last = w.notified(p, last, string(line), kind)
	}
	ready()
	buffer := make([]byte, 4096)
	for {
		n, err := in.Read(buffer)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("notify file of %s: %w", p.name, err)
		}
		if !slices.Contains(movedNames(buffer[:n]), "state") {
			continue
		}
		line, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("notify file of %s: %w", p.name, err)
		}
		last = w.notified(p, last, string(line), "")
	}
}

// notified reports a new line of the notify file, and returns the last line. If kind is "", the state names the kind.
func (w *Watch) notified(p place, last, line, kind string) string {
	line = strings.TrimSpace(line)
	state, when, _ := strings.Cut(line, " ")
	if line == last || state == "" {
		return last
	}
	text := state + " since before the watch"
	if kind == "" {
		kind, text = "became-"+strings.ToLower(state), "keepalived says "+state
		before, _, _ := strings.Cut(last, " ")
		if before != "" {
			text += ", was " + before
		}
	}
	router := strings.TrimSuffix(p.name, "-"+p.gateway.Name)
	w.add(timeline.New(timeline.LaneVRRP, router, kind, p.gateway.Name+": "+text,
		map[string]string{"gateway": p.gateway.Name, "state": state, "notified": when}))
	return line
}

// watchFolder opens an inotify(7) instance for the names of files moved into a folder.
func watchFolder(folder string) (*os.File, error) { return host.WatchFolder(folder, unix.IN_MOVED_TO) }

// movedNames reads the names from inotify's events.
func movedNames(b []byte) []string {
	var names []string
	for len(b) >= unix.SizeofInotifyEvent {
		event := (*unix.InotifyEvent)(unsafe.Pointer(&b[0]))
		end := unix.SizeofInotifyEvent + int(event.Len)
		if end > len(b) {
			break
		}
		names = append(names, strings.TrimRight(string(b[unix.SizeofInotifyEvent:end]), "\x00"))
		b = b[end:]
	}
	return names
}
