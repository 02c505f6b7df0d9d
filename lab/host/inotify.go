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
	// A cluster of three nodes with Cilium was seen to use 55 instances: 13 a node (kubelet 7, systemd 4,
	// containerd 2), 13 for the control plane, an agent's each; and 275 watches a node. What stands here is
	// that with a reserve. inotify(7) counts both per user, and nodes all run as the host's root.
	instancesPerNode    = 16
	instancesPerCluster = 16
	watchesPerNode      = 1024
)

// needs are the host settings that a cluster of so many nodes needs, beside what root uses already.
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

// inotifyUsed counts the inotify instances of processes that run as root, as far as this user may see. It
// stands for what the kernel counts per user and does not tell.
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
