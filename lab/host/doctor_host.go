//go:build linux

package host

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	gib = 1 << 30
	// labMemory is the memory of the default lab (4 GiB) with a reserve.
	labMemory = 5 * gib
	// buildDisk is the peak disk space to build every image, caches included; labDisk is the disk space of a lab
	// whose images are present.
	buildDisk = 20 * gib
	labDisk   = 5 * gib
	// doctorNodes is the size of the default lab's cluster.
	doctorNodes = 3
)

// host adds the findings about this machine. root is the engine's folder.
func (r *Report) host(root string) {
	r.add(kernelFindings(readKernel("/"))...)
	r.add(inotifyFinding())
	r.add(diskFinding(root))
	r.add(memoryFinding())
	r.add(forwardFinding(settings{root: "/proc/sys"}), bridgeFinding(settings{root: "/proc/sys"}))
	r.add(changedFinding(), aptFinding())
}

// kernelFindings returns one finding for all present options, and one for each missing option.
func kernelFindings(k kernel) []Finding {
	var there, unsure []string
	var findings []Finding
	for _, o := range options() {
		switch k.has(o) {
		case present:
			there = append(there, o.name)
		case unknown:
			unsure = append(unsure, o.name)
		case absent:
			f := Finding{Name: "kernel " + o.name, Status: Skip, Seen: "off", Wanted: "for: " + o.use}
			if o.required {
				f.Status, f.Do = Fail, "boot a kernel with CONFIG_"+o.name
			}
			if k.config[o.name] == "m" {
				f.Seen, f.Do = "module "+o.module+" is not installed", "install the kernel's further modules (Ubuntu: linux-modules-extra-"+k.release+")"
			}
			findings = append(findings, f)
		}
	}
	sum := Finding{Name: "kernel", Status: OK, Wanted: "what scenarios and faults need",
		Seen: fmt.Sprintf("%s, %d of %d options on by %s", k.release, len(there), len(options()), k.source)}
	if len(unsure) > 0 {
		sum.Status = Skip
		sum.Seen = fmt.Sprintf("%s, %d of %d options on; no telling of %s", k.release, len(there), len(options()), strings.Join(unsure, " "))
		sum.Do = "a scenario that needs what is not there says so itself; /proc/config.gz or /boot/config-" + k.release + " would tell"
	}
	return append([]Finding{sum}, findings...)
}

// inotifyFinding compares the limits with the needs of the default lab's cluster. A low limit is not a failure
// if Raise can correct the limit.
func inotifyFinding() Finding {
	s := settings{root: "/proc/sys"}
	used := inotifyUsed("/proc")
	f := Finding{Name: "inotify", Status: OK}
	var seen, wanted, do []string
	for _, n := range needs(doctorNodes, used) {
		value, err := s.number(n.name)
		if err != nil {
			return failed("inotify", err, "limits that can be read")
		}
		short := strings.TrimPrefix(n.name, "fs.inotify.")
		seen = append(seen, fmt.Sprintf("%s %d", short, value))
		wanted = append(wanted, fmt.Sprintf("%s %d", short, n.least))
		if value < n.least {
			do = append(do, fmt.Sprintf("%s=%d", n.name, n.least))
		}
	}
	f.Seen = strings.Join(seen, ", ") + fmt.Sprintf("; %d instances in use", used)
	f.Wanted = strings.Join(wanted, ", ") + fmt.Sprintf(" for %d more nodes", doctorNodes)
	if len(do) > 0 {
		f.Status = Warn
		f.Do = "as root, run: sysctl -w " + strings.Join(do, " ") + " (`up` does it as root, and `down` puts it back)"
	}
	return f
}

// diskFinding checks the file system with the engine's images and containers.
func diskFinding(root string) Finding {
	wanted := fmt.Sprintf("%d GiB free to build every image, %d to run labs", buildDisk/gib, labDisk/gib)
	if root == "" {
		root = "/var/lib"
	}
	// Only root may read the engine's folder, but the parent folder is usually on the same file system.
	var st unix.Statfs_t
	path := root
	for err := unix.Statfs(path, &st); err != nil; err = unix.Statfs(path, &st) {
		i := strings.LastIndexByte(path, '/')
		if i <= 0 {
			return failed("disk", err, wanted)
		}
		path = path[:i]
	}
	free := int64(st.Bavail) * st.Bsize
	f := Finding{Name: "disk", Status: OK, Wanted: wanted, Seen: fmt.Sprintf("%.1f GiB free at %s", float64(free)/gib, root)}
	switch {
	case free < labDisk:
		f.Status, f.Do = Fail, "make room: docker system df shows what the engine keeps"
	case free < buildDisk:
		f.Status, f.Do = Warn, "make room before images are built: docker system df; go clean -cache"
	}
	return f
}

// memoryFinding checks the memory available without swapping (MemAvailable, proc_meminfo(5)).
func memoryFinding() Finding {
	f := Finding{Name: "memory", Status: OK, Wanted: fmt.Sprintf("%d GiB available a lab", labMemory/gib)}
	have := Available()
	if have == 0 {
		return failed("memory", errors.New("/proc/meminfo: no MemAvailable"), f.Wanted)
	}
	f.Seen = fmt.Sprintf("%.1f GiB available", float64(have)/gib)
	if have < labMemory {
		f.Status, f.Do = Warn, "end what uses memory (ps aux --sort -rss | head), or take labs down: skidpad ls"
	}
	return f
}

// forwardFinding checks forwarding: the engine switches forwarding on at start, but another program may have
// switched forwarding off.
func forwardFinding(s settings) Finding {
	const name = "net.ipv4.ip_forward"
	f := Finding{Name: "ip_forward", Status: OK, Wanted: "1"}
	seen, err := s.get(name)
	if err != nil {
		return failed(f.Name, err, f.Wanted)
	}
	f.Seen = seen
	if seen != "1" {
		f.Status, f.Do = Warn, "nothing before the engine has started, which sets it; else, as root: sysctl -w "+name+"=1"
	}
	return f
}

// bridgeFinding only informs: lab networks are excluded from the engine's address translation, so both values
// are fine.
func bridgeFinding(s settings) Finding {
	f := Finding{Name: "bridge-nf-call-iptables", Status: OK, Wanted: "any: lab networks are not masqueraded, unless a scenario asks for it"}
	seen, err := s.get("net.bridge.bridge-nf-call-iptables")
	if err != nil {
		seen = "not there (br_netfilter is not loaded)"
	}
	f.Seen = seen
	return f
}

// changedFinding lists the settings that labs have changed.
func changedFinding() Finding {
	f := Finding{Name: "changed settings", Status: OK, Seen: "none", Wanted: "put back when the last lab goes"}
	changed, err := Changed()
	if err != nil {
		return failed(f.Name, err, f.Wanted)
	}
	var seen []string
	for _, c := range changed {
		seen = append(seen, fmt.Sprintf("%s %s -> %s", c.Name, c.Was, c.Now))
	}
	if len(seen) > 0 {
		f.Seen = strings.Join(seen, ", ")
	}
	return f
}

// ownsUsers reports whether this user may make a user namespace with a range of IDs, or needs none.
func ownsUsers() bool {
	if os.Geteuid() == 0 {
		return true
	}
	if _, err := exec.LookPath("newuidmap"); err != nil {
		return false
	}
	probe := exec.Command("true") //nolint:noctx // it ends at once
	probe.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER}
	return probe.Run() == nil
}

// aptFinding checks for mmdebstrap: images get their Debian packages by mmdebstrap, which needs root or user
// namespaces. Without mmdebstrap, a container of a pulled image does the work.
func aptFinding() Finding {
	f := Finding{Name: "mmdebstrap", Status: OK, Seen: "there", Wanted: "to build images that cannot be pulled, where no registry is in reach"}
	switch _, err := exec.LookPath("mmdebstrap"); {
	case err == nil && ownsUsers():
		return f
	case err == nil:
		f.Seen = fmt.Sprintf("there, but user %d has no user namespaces with a range of IDs (newuidmap)", os.Geteuid())
		f.Do = "as root, run once: skidpad images build; or install the package uidmap"
	case isDebian():
		f.Seen, f.Do = "not found", "as root, run: apt-get install -y mmdebstrap"
	default:
		f.Seen, f.Do = "not found", "install mmdebstrap"
	}
	f.Status = Warn
	f.Do = "nothing if the engine can pull Debian's image; else " + f.Do + "; or bring images with: skidpad images load"
	return f
}

// release returns the release of this machine's kernel.
func release() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
}
