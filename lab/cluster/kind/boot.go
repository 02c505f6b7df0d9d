package kind

import (
	"context"
	"fmt"
	"strings"

	"golang.org/x/sync/errgroup"

	"skidpad.dev/skidpad/lab/plan"
)

const bootUnit = "skidpad-boot.service"

// bootCommands are what a node needs at each start besides what its image does: file systems and routes. Each may be
// run again where it has been run.
func bootCommands(c *plan.Cluster, n plan.Node) []string {
	var list []string
	for _, m := range c.Mounts {
		list = append(list, fmt.Sprintf("mountpoint -q %[1]s || { mkdir -p %[1]s && mount -t %[2]s none %[1]s; }", m.Where, m.Type))
	}
	for _, r := range c.RoutesOf(n) {
		list = append(list, fmt.Sprintf("ip route replace %s via %s", r.To, r.Via))
	}
	return list
}

// unit is a systemd unit that runs commands before the kubelet starts pods. It is there for nodes that are restarted: the
// engine gives them their addresses again, and nobody the rest.
func unit(commands []string) string {
	var b strings.Builder
	b.WriteString("[Unit]\nDescription=File systems, and routes to the networks beyond the lab's routers\nBefore=kubelet.service\n\n[Service]\nType=oneshot\nRemainAfterExit=yes\n")
	for _, c := range commands {
		fmt.Fprintf(&b, "ExecStart=sh -c '%s'\n", c)
	}
	b.WriteString("\n[Install]\nWantedBy=multi-user.target\n")
	return b.String()
}

// boot runs the commands and leaves the unit on standard input to the next start of the node. It does not ask systemd,
// which may still be starting.
func boot(commands []string) string {
	script := "cat > /etc/systemd/system/" + bootUnit +
		" && mkdir -p /etc/systemd/system/multi-user.target.wants" +
		" && ln -sf ../" + bootUnit + " /etc/systemd/system/multi-user.target.wants/" + bootUnit
	for _, c := range commands {
		script += " && { " + c + "; }"
	}
	return script
}

// Boot gives every node the plan's file systems and routes, now and after each start. Create does it, too; on nodes that
// have them it changes nothing.
func (c *Cluster) Boot(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, n := range c.plan.Cluster.Nodes {
		group.Go(func() error { return c.bootNode(ctx, n) })
	}
	return group.Wait()
}

func (c *Cluster) bootNode(ctx context.Context, n plan.Node) error {
	commands := bootCommands(c.plan.Cluster, n)
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
