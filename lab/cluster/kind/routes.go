package kind

import (
	"context"
	"fmt"
	"strings"

	"golang.org/x/sync/errgroup"

	"skidpad.dev/skidpad/lab/plan"
)

const routesUnit = "skidpad-routes.service"

// unit is a systemd unit that sets routes. It is there for nodes that are restarted: the engine gives
// them their addresses again, and nobody their routes.
func unit(routes []plan.Route) string {
	var b strings.Builder
	b.WriteString("[Unit]\nDescription=Routes to the networks beyond the lab's routers\n\n[Service]\nType=oneshot\nRemainAfterExit=yes\n")
	for _, r := range routes {
		fmt.Fprintf(&b, "ExecStart=ip route replace %s via %s\n", r.To, r.Via)
	}
	b.WriteString("\n[Install]\nWantedBy=multi-user.target\n")
	return b.String()
}

// install sets routes and leaves the unit on standard input to the next start of the node. It does not ask systemd,
// which may still be starting.
func install(routes []plan.Route) string {
	script := "cat > /etc/systemd/system/" + routesUnit +
		" && mkdir -p /etc/systemd/system/multi-user.target.wants" +
		" && ln -sf ../" + routesUnit + " /etc/systemd/system/multi-user.target.wants/" + routesUnit
	for _, r := range routes {
		script += fmt.Sprintf(" && ip route replace %s via %s", r.To, r.Via)
	}
	return script
}

// InstallRoutes gives every node the plan's routes, now and after each start. Create does it, too; on nodes that have
// them it changes nothing.
func (c *Cluster) InstallRoutes(ctx context.Context) error {
	if len(c.plan.Cluster.Routes) == 0 {
		return nil
	}
	text, script := []byte(unit(c.plan.Cluster.Routes)), install(c.plan.Cluster.Routes)
	group, ctx := errgroup.WithContext(ctx)
	for _, n := range c.Nodes() {
		group.Go(func() error {
			if out, err := n.ExecInput(ctx, text, "sh", "-c", script); err != nil {
				return failure("ip route replace", out, err)
			}
			return nil
		})
	}
	return group.Wait()
}
