// Package caps is arithmetic on sets of Linux capabilities (capabilities(7)). It needs nothing but the
// standard library, so that the OCI runtime that uses it stays small.
package caps

import (
	"fmt"
	"math/bits"
	"os"
	"strconv"
	"strings"
)

// Set is a set of capabilities, bit n standing for capability number n, as in /proc/PID/status.
type Set uint64

// names returns the capabilities' names without CAP_. They are the kernel's, in the order of their numbers (include/uapi/linux/capability.h).
func names() []string {
	return []string{
		"CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID",
		"SETPCAP", "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW",
		"IPC_LOCK", "IPC_OWNER", "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT",
		"SYS_ADMIN", "SYS_BOOT", "SYS_NICE", "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD",
		"LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP", "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG",
		"WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF", "CHECKPOINT_RESTORE",
	}
}

// Of returns the set of the capabilities named, with or without CAP_, in any case. Names that it does
// not know are left out.
func Of(name ...string) Set {
	var s Set
	for _, n := range name {
		if i := number(n); i >= 0 {
			s |= 1 << i
		}
	}
	return s
}

// Known reports whether name is a capability that this package has a number for.
func Known(name string) bool { return number(name) >= 0 }

func number(name string) int {
	name = strings.TrimPrefix(strings.ToUpper(name), "CAP_")
	for i, n := range names() {
		if n == name {
			return i
		}
	}
	return -1
}

// UpTo returns the capabilities 0 to last, which are all that a kernel knows whose
// /proc/sys/kernel/cap_last_cap is last.
func UpTo(last int) Set {
	if last >= 63 {
		return ^Set(0)
	}
	return Set(1)<<(last+1) - 1
}

// Has reports whether the capability named is in the set.
func (s Set) Has(name string) bool { return s&Of(name) != 0 }

// Without returns what is in s and not in t.
func (s Set) Without(t Set) Set { return s &^ t }

// Len returns how many capabilities the set has.
func (s Set) Len() int { return bits.OnesCount64(uint64(s)) }

// String lists the capabilities by name (CAP_NET_ADMIN), in the order of their numbers, divided by
// commas. A number without a name shows as CAP_41. The empty set is "none".
func (s Set) String() string {
	if s == 0 {
		return "none"
	}
	var out []string
	known := names()
	for i := range 64 {
		if s&(1<<i) == 0 {
			continue
		}
		if i < len(known) {
			out = append(out, "CAP_"+known[i])
			continue
		}
		out = append(out, fmt.Sprintf("CAP_%d", i))
	}
	return strings.Join(out, ",")
}

// Bounding reads the bounding set out of the text of a /proc/PID/status file (proc_pid_status(5)).
func Bounding(status string) (Set, error) {
	for line := range strings.Lines(status) {
		value, found := strings.CutPrefix(line, "CapBnd:")
		if !found {
			continue
		}
		n, err := strconv.ParseUint(strings.TrimSpace(value), 16, 64)
		if err != nil {
			return 0, fmt.Errorf("capabilities: CapBnd: %w", err)
		}
		return Set(n), nil
	}
	return 0, fmt.Errorf("capabilities: no line CapBnd in the process's status")
}

// OfProcess returns the bounding set of a process: a number, or "self".
func OfProcess(pid string) (Set, error) {
	data, err := os.ReadFile("/proc/" + pid + "/status")
	if err != nil {
		return 0, fmt.Errorf("capabilities: %w", err)
	}
	return Bounding(string(data))
}

// Kernel returns every capability that the running kernel knows.
func Kernel() (Set, error) {
	data, err := os.ReadFile("/proc/sys/kernel/cap_last_cap")
	if err != nil {
		return 0, fmt.Errorf("capabilities: %w", err)
	}
	last, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		return 0, fmt.Errorf("capabilities: cap_last_cap: %w", err)
	}
	return UpTo(last), nil
}
