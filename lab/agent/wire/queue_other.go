//go:build !linux

package wire

import (
	"github.com/vishvananda/netlink"

	"skidpad.dev/skidpad/lab/agent"
)

// Root works on Linux only.
func Root(*netlink.Handle, string) (netlink.Link, netlink.Qdisc, error) {
	return nil, nil, agent.ErrElsewhere
}

// Send works on Linux only.
func Send(*netlink.Handle, string, Sending) error { return agent.ErrElsewhere }
