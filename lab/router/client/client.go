// Package client runs hosts beyond the routers: containers on one network, with a default route via a gateway or a
// router.
package client

import (
	"context"
	_ "embed"
	"fmt"
	"net/netip"
	"time"

	"skidpad.dev/skidpad/lab/agent/link"
	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/router/internal/box"
	"skidpad.dev/skidpad/lab/router/netns"
)

const stayPath = "/usr/local/lib/skidpad/stay.sh"

//go:embed stay.sh
var stayScript []byte

// Start makes a client run, unless the client runs, and waits for the client's route. Start puts files into the
// container, beside the client's own files. image is the engine's name of the client's image.
func Start(ctx context.Context, e *docker.Engine, p *plan.Plan, c plan.Client, image string, files ...docker.File) error {
	return start(ctx, e, p, c, node.KindClient, image, files...)
}

func start(ctx context.Context, e *docker.Engine, p *plan.Plan, c plan.Client, kind node.Kind, image string, files ...docker.File) error {
	at := c.Attachments()
	stay := []string{"/bin/sh", stayPath}
	if c.Echo {
		stay = append(stay, "-e", c.Name)
	}
	stay = append(append(stay, c.Network.Network), prefixes(c.OnLink)...)
	err := box.Ensure(ctx, e, docker.Spec{
		Lab: p.Lab, Role: string(kind), Node: c.Name, Name: c.Container, Image: image,
		Entrypoint: netns.Entrypoint(at, c.StartCalls(), nil, stay...),
		Networks:   netns.Attach(p.Networks, at),
		// SYS_NICE lets the prober be punctual on a busy machine.
		CapAdd:  []string{"NET_ADMIN", "NET_RAW", "SYS_NICE"},
		Sysctls: netns.HostSysctls(at),
		Files:   append([]docker.File{netns.Init(), {Path: stayPath, Mode: 0o755, Data: stayScript}}, files...),
	})
	if err != nil {
		return err
	}
	if err := link.Ensure(ctx, e, p); err != nil {
		return err
	}
	n := e.Node(c.Name, kind, c.Container)
	return box.Await(ctx, e, c.Container, "its routes stand", 30*time.Second, func(ctx context.Context) error {
		routes, err := netns.FIB(ctx, n)
		if err != nil {
			return err
		}
		return standing(routes, c)
	})
}

func prefixes(all []netip.Prefix) []string {
	var texts []string
	for _, p := range all {
		texts = append(texts, p.String())
	}
	return texts
}

// standing returns an error if a route of the client is missing. The error names the route.
func standing(routes []bgp.Route, c plan.Client) error {
	link := netip.PrefixFrom(c.Network.Address, c.Network.Bits).Masked()
	if r, ok := bgp.Find(routes, link); !ok || len(r.NextHops) != 1 || r.NextHops[0].Interface != c.Network.Network {
		return fmt.Errorf("no route to %v by interface %s; there are %v", link, c.Network.Network, routes)
	}
	for _, p := range c.OnLink {
		if r, ok := bgp.Find(routes, p); !ok || len(r.NextHops) != 1 || r.NextHops[0].Interface != c.Network.Network {
			return fmt.Errorf("no route to %v by interface %s; there are %v", p, c.Network.Network, routes)
		}
	}
	for _, way := range []struct{ everything, via netip.Addr }{{netip.IPv4Unspecified(), c.Via}, {netip.IPv6Unspecified(), c.Via6}} {
		def, ok := bgp.Find(routes, netip.PrefixFrom(way.everything, 0))
		if ok != way.via.IsValid() || ok && !def.Via(way.via) {
			return fmt.Errorf("default route %v; wanted is next hop %v", def.NextHops, way.via)
		}
	}
	return nil
}
