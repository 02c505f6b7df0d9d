package router

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"skidpad.dev/skidpad/lab/plan"
)

// Adjacency is an OSPF neighbour as a router reports the neighbour.
type Adjacency struct {
	ID        netip.Addr `json:"id"` // the neighbour's router ID
	Interface string     `json:"interface"`
	IPv6      bool       `json:"ipv6,omitempty"` // OSPFv3
	State     string     `json:"state"`          // in the words of RFC 2328, 10.1: Full, 2-Way, Init
}

// Adjacent is a Router that reports its OSPF neighbours. All software with the ability SpeaksOSPF is Adjacent.
type Adjacent interface {
	Adjacencies(ctx context.Context) ([]Adjacency, error)
}

// Adjacencies returns a router's OSPF neighbours.
func Adjacencies(ctx context.Context, r any) ([]Adjacency, error) {
	if a, ok := r.(Adjacent); ok {
		return a.Adjacencies(ctx)
	}
	return nil, fmt.Errorf("lab bug: %T reports no OSPF neighbours", r)
}

// WrongAdjacencies returns the number of a router's OSPF neighbours in the plan, and a text for each neighbour that is not
// Full. On a network with a designated router and a backup, two other routers stay 2-Way (RFC 2328, 10.4).
func WrongAdjacencies(r plan.Router, seen []Adjacency) (planned int, wrong []string) {
	if r.OSPF == nil {
		return 0, nil
	}
	for _, n := range r.OSPF.Neighbors {
		for _, v6 := range []bool{false, true} {
			if v6 && !r.HasIPv6() {
				continue
			}
			planned++
			protocol := map[bool]string{false: "OSPFv2", true: "OSPFv3"}[v6]
			i := slices.IndexFunc(seen, func(a Adjacency) bool { return a.ID == n.RouterID && a.Interface == n.Interface && a.IPv6 == v6 })
			switch {
			case i < 0:
				wrong = append(wrong, fmt.Sprintf("%s neighbour %s on %s is not there", protocol, n.Name, n.Interface))
			case seen[i].State != "Full" && (seen[i].State != "2-Way" || full(seen, seen[i]) < 2):
				wrong = append(wrong, fmt.Sprintf("%s neighbour %s on %s is %s, not Full", protocol, n.Name, n.Interface, seen[i].State))
			}
		}
	}
	return planned, wrong
}

// full counts the Full neighbours on the same interface.
func full(all []Adjacency, as Adjacency) int {
	n := 0
	for _, a := range all {
		if a.Interface == as.Interface && a.IPv6 == as.IPv6 && a.State == "Full" {
			n++
		}
	}
	return n
}

// AdjacencyState returns the state in a text such as Full/DR or 2-Way/DROther.
func AdjacencyState(text string) string {
	state, _, _ := strings.Cut(text, "/")
	switch state {
	case "TwoWay", "Twoway", "2-way":
		return "2-Way"
	}
	return state
}
