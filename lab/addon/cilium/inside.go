package cilium

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"skidpad.dev/skidpad/lab/addon"
	"skidpad.dev/skidpad/lab/node"
)

var (
	_ addon.Daemons       = (*Addon)(nil)
	_ addon.FlowReporter  = (*Addon)(nil)
	_ addon.Released      = (*Addon)(nil)
	_ addon.Resources     = (*Addon)(nil)
	_ addon.ServiceLister = (*Addon)(nil)
	_ addon.Shower        = (*Addon)(nil)
)

// The custom resources.
var (
	BGPCluster       = schema.GroupVersionResource{Group: "cilium.io", Version: "v2", Resource: "ciliumbgpclusterconfigs"}
	BGPPeerConfig    = schema.GroupVersionResource{Group: "cilium.io", Version: "v2", Resource: "ciliumbgppeerconfigs"}
	BGPAdvertisement = schema.GroupVersionResource{Group: "cilium.io", Version: "v2", Resource: "ciliumbgpadvertisements"}
	BGPNodeOverride  = schema.GroupVersionResource{Group: "cilium.io", Version: "v2", Resource: "ciliumbgpnodeconfigoverrides"}
	Pool             = schema.GroupVersionResource{Group: "cilium.io", Version: "v2", Resource: "ciliumloadbalancerippools"}
	L2Policy         = schema.GroupVersionResource{Group: "cilium.io", Version: "v2alpha1", Resource: "ciliuml2announcementpolicies"}
)

// Resources are the custom resources that configure BGP, pools and L2 announcements.
func (*Addon) Resources() []schema.GroupVersionResource {
	return []schema.GroupVersionResource{BGPCluster, BGPPeerConfig, BGPAdvertisement, BGPNodeOverride, Pool, L2Policy}
}

// Daemons are the agents.
func (*Addon) Daemons() []string { return []string{"cilium-agent"} }

// Releases lists the module with the versions.
func (*Addon) Releases() (versions, modules []string) {
	return nil, []string{"github.com/cilium/cilium"}
}

const inAgent = "crictl exec $(crictl ps -q --name cilium-agent) "

// Show lists commands for the agent's state on a node.
func (*Addon) Show() []string {
	return []string{
		inAgent + "cilium-dbg status --verbose", inAgent + "cilium-dbg bgp peers", inAgent + "cilium-dbg bgp routes",
		inAgent + "cilium-dbg service list", inAgent + "cilium-dbg bpf lb list", inAgent + "cilium-dbg shell -- db/show l2-announce",
		inAgent + "cilium-dbg shell -- db/show devices",
		"crictl logs --tail 300 $(crictl ps -q --name cilium-agent) 2>&1",
	}
}

// listServices prints the services of a node's agent. The container is found on the node, without the API server, and therefore
// without any Service.
const listServices = `agent=$(crictl ps --state Running --name '^cilium-agent$' --latest -q) && [ -n "$agent" ] || ` +
	`{ echo "no cilium-agent runs on this node" >&2; exit 1; }; exec crictl exec "$agent" cilium-dbg service list -o json`

// NodeServices lists the services of a node's agent.
func (*Addon) NodeServices(ctx context.Context, n node.Node) ([]addon.Service, error) {
	out, err := n.Exec(ctx, "sh", "-c", listServices)
	if err != nil {
		return nil, err
	}
	return parseServices(out)
}

// parseServices reads the output of `cilium-dbg service list -o json`. Frontends inside of the cluster only are left out.
func parseServices(out []byte) ([]addon.Service, error) {
	var list []struct {
		Status struct {
			Realized struct {
				Frontend struct {
					IP       netip.Addr `json:"ip"`
					Port     uint16     `json:"port"`
					Protocol string     `json:"protocol"`
					Scope    string     `json:"scope"`
				} `json:"frontend-address"`
				Backends []struct {
					IP    netip.Addr `json:"ip"`
					Port  uint16     `json:"port"`
					State string     `json:"state"`
				} `json:"backend-addresses"`
			} `json:"realized"`
		} `json:"status"`
	}
	if err := json.Unmarshal(out, &list); err != nil {
		return nil, fmt.Errorf("services of the agent: %w; the output begins %.80q", err, out)
	}
	var all []addon.Service
	for _, s := range list {
		r := s.Status.Realized
		if r.Frontend.Scope == "internal" {
			continue
		}
		of := addon.Service{Front: netip.AddrPortFrom(r.Frontend.IP, r.Frontend.Port), Proto: strings.ToLower(r.Frontend.Protocol)}
		for _, b := range r.Backends {
			if b.State == "active" {
				of.Active = append(of.Active, netip.AddrPortFrom(b.IP, b.Port))
			}
		}
		all = append(all, of)
	}
	return all, nil
}

// observe asks the relay ($1) with the Hubble CLI inside a node's agent; every agent's image has the CLI.
const observe = `id=$(crictl ps -q --state running --label io.kubernetes.container.name=cilium-agent | head -n 1)
[ -n "$id" ] || { echo "no agent of Cilium runs here" >&2; exit 1; }
exec crictl exec "$id" hubble observe --server "$1" --since "$2" --from-ip "$3" -o jsonpb`

// Relay is the Service of Hubble's relay.
func (*Addon) Relay() (namespace, name string) { return "kube-system", "hubble-relay" }

// Observe is the command for the flows, on a node.
func (*Addon) Observe(relay netip.AddrPort, from netip.Addr, since time.Time) []string {
	return []string{"sh", "-c", observe, "observe", relay.String(), since.UTC().Format(time.RFC3339Nano), from.String()}
}
