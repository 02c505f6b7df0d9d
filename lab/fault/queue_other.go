//go:build !linux

package fault

import (
	"github.com/vishvananda/netlink"

	"skidpad.dev/skidpad/lab/agent"
)

func (*netns) root(string) (netlink.Link, netlink.Qdisc, error) { return nil, nil, agent.ErrElsewhere }

func (*netns) send(string, sending) error { return agent.ErrElsewhere }
