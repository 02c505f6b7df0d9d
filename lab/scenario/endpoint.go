package scenario

import "time"

// What an endpoint of the API means where the scenario says nothing.
const (
	DefaultEndpointPort   = 8443
	DefaultEndpointAdvert = Duration(time.Second) // keepalived's own; three starved intervals of 100 ms are common on a busy machine
	DefaultCheckInterval  = Duration(time.Second)
	DefaultCheckFall      = 2
	DefaultCheckRise      = 2
)

// Balancer is the program that spreads what comes for the API's address over the API servers.
type Balancer string

// The balancers.
const (
	HAProxy Balancer = "haproxy"
	Nginx   Balancer = "nginx"
)

// APIEndpoint is an address that the control-plane nodes guard by VRRP (keepalived), with a balancer on each of them that
// spreads what comes for it over all API servers. Both are static pods. The cluster knows its API by this address only.
type APIEndpoint struct {
	Balancer Balancer `json:"balancer,omitempty"` // default haproxy
	// Port is where the balancers listen; default 8443. The API servers themselves have 6443 on the same nodes.
	Port int `json:"port,omitempty" jsonschema:"minimum=1024,maximum=65535"`
	// AdvertInterval is VRRP's, a multiple of 10 ms from 10 ms to 40.95 s (RFC 9568, 5.2.7); default 1 s.
	AdvertInterval Duration      `json:"advertInterval,omitempty"`
	Check          EndpointCheck `json:"check,omitempty"`
}

// EndpointCheck is how a node that holds the address finds out that its balancer reaches no API server, and how
// haproxy finds out that a server does not answer.
type EndpointCheck struct {
	Interval Duration `json:"interval,omitempty"`                               // whole seconds from 1 s to 60 s; default 1 s
	Fall     int      `json:"fall,omitempty" jsonschema:"minimum=1,maximum=20"` // failures in a row that count; default 2
	Rise     int      `json:"rise,omitempty" jsonschema:"minimum=1,maximum=20"` // successes in a row that count; default 2
}

func (e *APIEndpoint) setDefaults() {
	Or(&e.Balancer, HAProxy)
	Or(&e.Port, DefaultEndpointPort)
	Or(&e.AdvertInterval, DefaultEndpointAdvert)
	Or(&e.Check.Interval, DefaultCheckInterval)
	Or(&e.Check.Fall, DefaultCheckFall)
	Or(&e.Check.Rise, DefaultCheckRise)
}
