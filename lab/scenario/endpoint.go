package scenario

import "time"

// The defaults of an API endpoint.
const (
	DefaultEndpointPort   = 8443
	DefaultEndpointAdvert = Duration(time.Second) // keepalived's default; a busy machine often misses three intervals of 100 ms
	DefaultCheckInterval  = Duration(time.Second)
	DefaultCheckFall      = 2
	DefaultCheckRise      = 2
)

// Balancer is the program that spreads connections to the API address over the API servers.
type Balancer string

// The balancers.
const (
	HAProxy Balancer = "haproxy"
	Nginx   Balancer = "nginx"
)

// APIEndpoint is an address that the control-plane nodes guard by VRRP (keepalived). A balancer on each of these nodes spreads
// connections to the address over all API servers. keepalived and the balancers are static pods. The cluster knows its API
// only by this address.
type APIEndpoint struct {
	Balancer Balancer `json:"balancer,omitempty"` // default haproxy
	// Port is the port of the balancers; default 8443. The API servers themselves listen on port 6443 of the same nodes.
	Port int `json:"port,omitempty" jsonschema:"minimum=1024,maximum=65535"`
	// AdvertInterval is the VRRP interval, a multiple of 10 ms from 10 ms to 40.95 s (RFC 9568, 5.2.7); default 1 s.
	AdvertInterval Duration      `json:"advertInterval,omitempty"`
	Check          EndpointCheck `json:"check,omitempty"`
}

// EndpointCheck sets the health checks of the endpoint. By these checks, the node that holds the address notices that the
// balancer of the node reaches no API server, and haproxy notices that a server does not answer.
type EndpointCheck struct {
	Interval Duration `json:"interval,omitempty"`                               // whole seconds from 1 s to 60 s; default 1 s
	Fall     int      `json:"fall,omitempty" jsonschema:"minimum=1,maximum=20"` // failures in a row until the check fails; default 2
	Rise     int      `json:"rise,omitempty" jsonschema:"minimum=1,maximum=20"` // successes in a row that end a failure; default 2
}

func (e *APIEndpoint) setDefaults() {
	Or(&e.Balancer, HAProxy)
	Or(&e.Port, DefaultEndpointPort)
	Or(&e.AdvertInterval, DefaultEndpointAdvert)
	Or(&e.Check.Interval, DefaultCheckInterval)
	Or(&e.Check.Fall, DefaultCheckFall)
	Or(&e.Check.Rise, DefaultCheckRise)
}
