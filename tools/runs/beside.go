package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// beside is work that runs beside the suites.
type beside struct {
	CPU int `json:"cpu,omitempty"` // busy loops
	IO  int `json:"io,omitempty"`  // writers that wait for the disk
}

// String and Set make beside a flag: cpu=4,io=1.
func (b *beside) String() string { return fmt.Sprintf("cpu=%d,io=%d", b.CPU, b.IO) }

// Set reads a flag's value.
func (b *beside) Set(s string) error {
	for part := range strings.SplitSeq(s, ",") {
		name, value, _ := strings.Cut(part, "=")
		n, err := strconv.Atoi(value)
		to := map[string]*int{"cpu": &b.CPU, "io": &b.IO}[name]
		if to == nil || err != nil || n < 0 || n > 256 {
			return fmt.Errorf("%q: want cpu=N or io=N, N from 0 to 256", part)
		}
		*to = n
	}
	return nil
}

// Both end with the process whose ID is $1, however that process ends.
const (
	busyLoop = `while kill -0 "$1"; do i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; done`
	writer   = `while kill -0 "$1"; do dd if=/dev/zero of="$2" bs=1048576 count=64 conv=fsync; done`
)

// start starts the work; dir is for the writers' files. stop ends the work and removes the files.
func (b *beside) start(dir string) (stop func(), err error) {
	var running []*exec.Cmd
	var files []string
	stop = func() {
		for _, c := range running {
			_ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL)
			_ = c.Wait()
		}
		for _, f := range files {
			_ = os.Remove(f)
		}
	}
	begin := func(script string, args ...string) error {
		c := exec.CommandContext(context.Background(), "sh", append([]string{"-c", script, "sh", strconv.Itoa(os.Getpid())}, args...)...)
		c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		if err := c.Start(); err != nil {
			return err
		}
		running = append(running, c)
		return nil
	}
	for range b.CPU {
		if err := begin(busyLoop); err != nil {
			stop()
			return nil, err
		}
	}
	for i := range b.IO {
		files = append(files, filepath.Join(dir, fmt.Sprintf("beside-%d", i)))
		if err := begin(writer, files[i]); err != nil {
			stop()
			return nil, err
		}
	}
	return stop, nil
}
