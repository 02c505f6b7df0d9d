package kind

import (
	"context"
	"fmt"
	"strings"

	"golang.org/x/sync/errgroup"

	"skidpad.dev/skidpad/lab/plan"
)

const bootUnit = "skidpad-boot.service"

// linkWithin bounds a node's wait for an interface made by skidpad, in seconds.
const linkWithin = 30

// bootCommands returns a node's commands for each start, in addition to the image's: file systems and routes. Each
// command may run again.
func bootCommands(p *plan.Plan, n plan.Node) []string {
	var list []string
	c := p.Cluster
	for _, m := range c.Mounts {
		if m.Volume != "" {
			continue // the engine mounts volumes
		}
		list = append(list, fmt.Sprintf("mountpoint -q %[1]s || { mkdir -p %[1]s && mount -t %[2]s none %[1]s; }", m.Where, m.Type))
	}
	if p.Pulls(plan.LeverGarbage) { // the environment file of kubeadm's unit
		list = append(list, fmt.Sprintf("grep -qs %[1]s /etc/default/kubelet || echo %[1]s >> /etc/default/kubelet", plan.Garbage))
	}
	for _, r := range c.RoutesOf(n) {
		list = append(list, fmt.Sprintf("ip route replace %s via %s", r.To, r.Via))
	}
	if at, ok := p.Places().Find(n.Name); ok {
		for _, a := range at.Networks {
			if a.Link {
				list = append(list, fmt.Sprintf(`timeout %d sh -c "until [ -e /sys/class/net/%s ]; do sleep 0.1; done"`, linkWithin, a.Network))
			}
		}
		list = append(list, at.Commands()...)
	}
	return list
}

// unit returns a systemd unit that runs commands before the kubelet starts pods. Restarted nodes need the unit: the
// engine restores the addresses, but nothing else.
func unit(commands []string) string {
	var b strings.Builder
	b.WriteString("[Unit]\nDescription=File systems, and routes to the networks beyond the lab's routers\nBefore=kubelet.service\n\n[Service]\nType=oneshot\nRemainAfterExit=yes\n")
	for _, c := range commands {
		fmt.Fprintf(&b, "ExecStart=sh -c '%s'\n", c)
	}
	b.WriteString("\n[Install]\nWantedBy=multi-user.target\n")
	return b.String()
}

// boot runs the commands and leaves the unit on standard input to the next start of the node. boot does not use
// systemctl, because systemd may still be starting.
func boot(commands []string) string {
	script := "cat > /etc/systemd/system/" + bootUnit +
		" && mkdir -p /etc/systemd/system/multi-user.target.wants" +
		" && ln -sf ../" + bootUnit + " /etc/systemd/system/multi-user.target.wants/" + bootUnit
	for _, c := range commands {
		script += " && { " + c + "; }"
	}
	return script
}

// Boot sets up the plan's file systems and routes on every node, now and after each start. Create includes Boot; a
// second Boot changes nothing.
func (c *Cluster) Boot(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, n := range c.plan.Cluster.Nodes {
		group.Go(func() error { return c.bootNode(ctx, n) })
	}
	return group.Wait()
}

func (c *Cluster) bootNode(ctx context.Context, n plan.Node) error {
	commands := bootCommands(c.plan, n)
	name, err := c.nameControlPlane(ctx, n)
	if err != nil {
		return err
	}
	if name != "" {
		commands = append(commands, name)
	}
	if len(commands) == 0 {
		return nil
	}
	if out, err := c.handle(n).ExecInput(ctx, []byte(unit(commands)), "sh", "-c", boot(commands)); err != nil {
		return failure("mount, ip route replace", out, err)
	}
	return nil
}
