package host

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

const (
	logFile    = "/var/log/skidpad/dockerd.log"
	daemonPID  = "/var/run/docker.pid"
	daemonSock = "/var/run/docker.sock"
)

// daemonProcess returns the process of the running dockerd, from the pid file.
func daemonProcess() (pid int, running bool) {
	return processOf(daemonPID, "dockerd")
}

// processOf returns the process named by a pid file, if the process lives and is the intended program: process
// numbers are reused, and a killed process may stay as a zombie under a PID 1 that reaps slowly.
func processOf(pidFile, program string) (pid int, running bool) {
	data, err := os.ReadFile(pidFile)
	if err != nil {
		return 0, false
	}
	pid, err = strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		return 0, false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return pid, err == nil && lives(string(stat), program)
}

// lives reports whether a line of /proc/PID/stat (proc_pid_stat(5)) belongs to the program and is neither
// zombie nor dead.
func lives(stat, program string) bool {
	open, end := strings.IndexByte(stat, '('), strings.LastIndexByte(stat, ')')
	if open < 0 || end < open || stat[open+1:end] != program {
		return false
	}
	state := strings.TrimSpace(stat[end+1:])
	return state != "" && !strings.ContainsRune("ZXx", rune(state[0]))
}
