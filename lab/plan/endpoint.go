package plan

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"skidpad.dev/skidpad/lab/scenario"
)

// ImageBalancer is the catalogue's name of the image of an endpoint's static pods.
const ImageBalancer = "balancer"

// APIEndpoint is the address in front of the API servers: keepalived and a balancer on each control-plane node.
type APIEndpoint struct {
	Address        netip.Addr        `json:"address"`
	Bits           int               `json:"bits"`
	Port           int               `json:"port"`
	Balancer       scenario.Balancer `json:"balancer"`
	Image          Image             `json:"image"` // image of both static pods; the node image holds this image
	VRID           int               `json:"vrid"`
	AdvertInterval time.Duration     `json:"advertInterval"`
	CheckInterval  time.Duration     `json:"checkInterval"` // interval of keepalived's script and of haproxy's check of each server
	Fall           int               `json:"fall"`          // failures in a row until a server is down
	Rise           int               `json:"rise"`          // successes in a row until a server is up
	// ConnectTimeout is the time a balancer waits for an API server before the balancer tries another server.
	ConnectTimeout time.Duration   `json:"connectTimeout"`
	Guards         []EndpointGuard `json:"guards"`
}

// connectTimeout is many times the duration of a connect on a lab's bridge.
const connectTimeout = 200 * time.Millisecond

// EndpointGuard is a control-plane node that may hold the address.
type EndpointGuard struct {
	Node     string `json:"node"`     // as in the scenario: control-plane2
	Priority int    `json:"priority"` // 1 to 254, the highest holds the address
}

// Server is the endpoint's ADDRESS:PORT.
func (e APIEndpoint) Server() string {
	return netip.AddrPortFrom(e.Address, uint16(e.Port)).String()
}

// Members are the nodes that join at bring-up.
func (c *Cluster) Members() []Node {
	return slices.DeleteFunc(slices.Clone(c.Nodes), func(n Node) bool { return n.Later })
}

// ControlPlanes are the nodes with API servers, including the nodes that join later.
func (c *Cluster) ControlPlanes() []Node {
	return slices.DeleteFunc(slices.Clone(c.Nodes), func(n Node) bool { return !n.ControlPlane })
}

// endpoint plans the address in front of the API servers, or returns nil without an address.
func (b *builder) endpoint() *APIEndpoint {
	e := b.spec.Cluster.APIEndpoint
	if e == nil {
		return nil
	}
	place := b.attach(b.spec.Cluster.Network, endpointAt, "")
	out := &APIEndpoint{
		Address: place.Address, Bits: place.Bits, Port: e.Port, Balancer: e.Balancer, Image: Image{Name: ImageBalancer}, VRID: scenario.EndpointVRID,
		AdvertInterval: e.AdvertInterval.Std(), CheckInterval: e.Check.Interval.Std(), Fall: e.Check.Fall, Rise: e.Check.Rise, ConnectTimeout: connectTimeout,
	}
	for i := range b.spec.Cluster.ControlPlanes {
		out.Guards = append(out.Guards, EndpointGuard{Node: controlPlaneName(i), Priority: firstPriority - priorityStep*i})
	}
	return out
}

// controlPlaneName returns the scenario's name of the control-plane node with an index: control-plane, control-plane2 …
func controlPlaneName(i int) string {
	if i == 0 {
		return "control-plane"
	}
	return fmt.Sprintf("control-plane%d", i+1)
}

// apiServer returns the host and the port of the API for nodes and agents.
func (b *builder) apiServer() (string, int) {
	if b.spec.Cluster.Provider == scenario.ProviderK3s {
		return "127.0.0.1", k3sAPIPort
	}
	if e := b.endpoint(); e != nil {
		return e.Address.String(), e.Port
	}
	return "skidpad-" + b.Lab + "-control-plane", 6443
}
