package plan

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"skidpad.dev/skidpad/lab/scenario"
)

// ImageBalancer is the catalogue's name of the image that an endpoint's static pods run.
const ImageBalancer = "balancer"

// endpointVRID is the endpoint's VRRP router ID, far from the gateways', which share its segment and count from 1.
const endpointVRID = 80

// APIEndpoint is the address in front of the API servers: keepalived and a balancer on each control-plane node.
type APIEndpoint struct {
	Address        netip.Addr        `json:"address"`
	Bits           int               `json:"bits"`
	Port           int               `json:"port"`
	Balancer       scenario.Balancer `json:"balancer"`
	Image          Image             `json:"image"` // of both static pods; the node image holds it
	VRID           int               `json:"vrid"`
	AdvertInterval time.Duration     `json:"advertInterval"`
	CheckInterval  time.Duration     `json:"checkInterval"` // of keepalived's script, and of haproxy's look at each server
	Fall           int               `json:"fall"`          // failures in a row that count
	Rise           int               `json:"rise"`          // successes in a row that count
	// ConnectTimeout is how long a balancer waits for an API server before it tries another.
	ConnectTimeout time.Duration   `json:"connectTimeout"`
	Guards         []EndpointGuard `json:"guards"`
}

// connectTimeout is many times what a connection takes on a lab's bridge.
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

// ControlPlanes are the nodes that run API servers, or will when they have joined.
func (c *Cluster) ControlPlanes() []Node {
	return slices.DeleteFunc(slices.Clone(c.Nodes), func(n Node) bool { return !n.ControlPlane })
}

// endpoint plans the address in front of the API servers, if there is one.
func (b *builder) endpoint() *APIEndpoint {
	e := b.spec.Cluster.APIEndpoint
	if e == nil {
		return nil
	}
	place := attach(b.network(b.spec.Cluster.Network), endpointAt)
	out := &APIEndpoint{
		Address: place.Address, Bits: place.Bits, Port: e.Port, Balancer: e.Balancer, Image: Image{Name: ImageBalancer}, VRID: endpointVRID,
		AdvertInterval: e.AdvertInterval.Std(), CheckInterval: e.Check.Interval.Std(), Fall: e.Check.Fall, Rise: e.Check.Rise, ConnectTimeout: connectTimeout,
	}
	for i := range b.spec.Cluster.ControlPlanes {
		out.Guards = append(out.Guards, EndpointGuard{Node: controlPlaneName(i), Priority: firstPriority - priorityStep*i})
	}
	return out
}

// controlPlaneName is what scenarios call the control-plane node of that index: control-plane, control-plane2 …
func controlPlaneName(i int) string {
	if i == 0 {
		return "control-plane"
	}
	return fmt.Sprintf("control-plane%d", i+1)
}

// apiServer is where nodes and their agents reach the API: host and port.
func (b *builder) apiServer() (string, int) {
	if b.spec.Cluster.Provider == scenario.ProviderK3s {
		return "127.0.0.1", k3sAPIPort
	}
	if e := b.endpoint(); e != nil {
		return e.Address.String(), e.Port
	}
	return "skidpad-" + b.Lab + "-control-plane", 6443
}
