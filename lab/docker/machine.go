package docker

import (
	"fmt"
	"net/netip"
	"strconv"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/network"
)

func (m *Machine) hostConfig(h *container.HostConfig) {
	h.Privileged, h.CgroupnsMode = true, container.CgroupnsModePrivate
	h.SecurityOpt = []string{"seccomp=unconfined", "apparmor=unconfined"}
	h.Tmpfs = map[string]string{}
	for _, folder := range m.Tmpfs {
		h.Tmpfs[folder] = ""
	}
	for _, folder := range m.Volumes {
		h.Mounts = append(h.Mounts, mount.Mount{Type: mount.TypeVolume, Target: folder})
	}
}

// publish makes the engine publish ports on the host's loopback. A nil Machine publishes none.
func (m *Machine) publish(c *container.Config, h *container.HostConfig) error {
	if m == nil {
		return nil
	}
	c.ExposedPorts, h.PortBindings = network.PortSet{}, network.PortMap{}
	for _, p := range m.Publish {
		port, err := network.ParsePort(strconv.Itoa(p) + "/tcp")
		if err != nil {
			return fmt.Errorf("lab bug: port %d to be published: %w", p, err)
		}
		c.ExposedPorts[port] = struct{}{}
		h.PortBindings[port] = []network.PortBinding{{HostIP: netip.AddrFrom4([4]byte{127, 0, 0, 1}), HostPort: "0"}}
	}
	return nil
}
