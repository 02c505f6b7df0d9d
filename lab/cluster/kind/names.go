package kind

import (
	"context"
	"fmt"

	"github.com/moby/moby/client"

	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/plan"
)

// hostnameUnit sets a node's host name at each start, because the engine sets the host name of the container's
// creation.
const hostnameUnit = "[Unit]\nDescription=The node's own host name\nBefore=kubelet.service\n\n[Service]\nType=oneshot\nExecStart=hostname %s\n\n[Install]\nWantedBy=multi-user.target\n"

// madeAs returns kind's names of further control-plane nodes, by the plan's names. kind makes these nodes as its last
// workers.
func madeAs(c *plan.Cluster) map[string]string {
	workers := len(c.Nodes) - len(c.ControlPlanes())
	names := map[string]string{}
	for i, n := range c.ControlPlanes() {
		at := workers + i // counted from 1
		switch {
		case i == 0:
		case at == 1:
			names[n.Name] = c.Name + "-worker"
		default:
			names[n.Name] = fmt.Sprintf("%s-worker%d", c.Name, at)
		}
	}
	return names
}

// rename gives further control-plane nodes the plan's names.
func (c *Cluster) rename(ctx context.Context) error {
	for name, made := range madeAs(c.plan.Cluster) {
		if _, err := c.engine.Client.ContainerRename(ctx, made, client.ContainerRenameOptions{NewName: name}); err != nil {
			return fmt.Errorf("node %s: rename the node: %w", name, err)
		}
		script := "cat > /etc/systemd/system/skidpad-hostname.service && mkdir -p /etc/systemd/system/multi-user.target.wants" +
			" && ln -sf ../skidpad-hostname.service /etc/systemd/system/multi-user.target.wants/ && hostname " + name
		h := c.engine.Node(name, node.KindCluster, name)
		if out, err := h.ExecInput(ctx, fmt.Appendf(nil, hostnameUnit, name), "sh", "-c", script); err != nil {
			return failure("hostname", out, err)
		}
	}
	return nil
}
