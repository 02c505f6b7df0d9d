package host

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const (
	inotifyInstances = "fs.inotify.max_user_instances"
	inotifyWatches   = "fs.inotify.max_user_watches"
	// Measured: a cluster of three nodes with Cilium uses 55 instances: 13 per node (kubelet 7, systemd 4,
	// containerd 2), 13 for the control plane, one per agent; and 275 watches per node. The constants are these
	// numbers with a reserve. inotify(7) counts both per user, and all nodes run as the host's root.
	instancesPerNode    = 16
	instancesPerCluster = 16
	watchesPerNode      = 1024
)

// needs returns the host settings for a cluster with this number of nodes, in addition to root's present use.
func needs(nodes, used int) []need {
	if nodes <= 0 {
		return nil
	}
	why := fmt.Sprintf("%d cluster nodes", nodes)
	return []need{
		{inotifyInstances, used + instancesPerCluster + nodes*instancesPerNode, why},
		{inotifyWatches, nodes * watchesPerNode, why},
	}
}

// inotifyUsed counts the inotify instances of root's processes, as far as this user may see. The count
// approximates the kernel's count per user, because the kernel does not publish the number.
func inotifyUsed(proc string) int {
	links, err := filepath.Glob(filepath.Join(proc, "[0-9]*", "fd", "*"))
	if err != nil {
		return 0
	}
	used := 0
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && strings.HasPrefix(target, "anon_inode:inotify") {
			used++
		}
	}
	return used
}
