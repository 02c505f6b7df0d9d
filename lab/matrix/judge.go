package matrix

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"skidpad.dev/skidpad/lab/loss/record"
)

// Place is the lab's facts for judging.
type Place struct {
	Pod     string                  // the only pod behind the services
	PodNode string                  // Kubernetes' name of the pod's node
	Asked   string                  // Kubernetes' name of the entry node for the cell's address, if any
	Nodes   map[string][]netip.Addr // the nodes' addresses, by Kubernetes' name
}

// words has, for each failure, the operating system's error texts at the sender. If the sender's own kernel chooses the
// pod (a node or a pod of the cluster), the connect call returns the error.
var words = map[Failure][]string{
	Refused:     {"connection refused"},
	Unreachable: {"no route to host", "network is unreachable"},
	Unanswered:  {"no route to host", "network is unreachable", timeout},
}

// timeout is the prober's error for an attempt without an answer; the error of a connection is longer.
const timeout = "timeout"

// Judge summarizes the cell's attempts in a few words for the grid, and returns an error if the attempts differ from
// the outcome. No attempt at all is an error.
func (o Outcome) Judge(p Place, shots []record.Shot) (seen string, err error) {
	if len(shots) == 0 {
		return "nothing", fmt.Errorf("lab bug: no attempt was made")
	}
	var sources []string
	for _, s := range shots {
		short, wrong := o.one(p, s)
		if !slices.Contains(sources, short) {
			sources = append(sources, short)
		}
		if wrong != nil {
			return strings.Join(sources, "+"), fmt.Errorf("attempt %d from %s at %s: %w; by %s the cell %s", s.Try, s.Local, s.Target, wrong, o.Doc, o)
		}
	}
	return strings.Join(sources, "+"), nil
}

func (o Outcome) one(p Place, s record.Shot) (string, error) {
	if strings.HasSuffix(s.Error, "i/o timeout") {
		s.Error = timeout
	}
	if s.Error != "" {
		if o.Failure == "" {
			return s.Error, fmt.Errorf("it failed: %s", s.Error)
		}
		if !slices.Contains(words[o.Failure], s.Error) {
			return s.Error, fmt.Errorf("the attempt failed with %q", s.Error)
		}
		return string(o.Failure), nil
	}
	if s.Answer == nil {
		return "nobody", fmt.Errorf("the answer does not name a pod")
	}
	short, client := source(p, s)
	switch {
	case o.Failure != "":
		return short, fmt.Errorf("pod %s answered, and saw %s", s.Answer.Pod, client)
	case s.Answer.Pod != p.Pod:
		return short, fmt.Errorf("pod %s answered, not %s", s.Answer.Pod, p.Pod)
	case !o.allows(p, short):
		return short, fmt.Errorf("pod %s on %s saw %s", s.Answer.Pod, s.Answer.Node, client)
	}
	return short, nil
}

// source returns the owner of the client address: own, a node's name, or the address itself.
func source(p Place, s record.Shot) (short, client string) {
	client = host(s.Answer.Client)
	if client == host(s.Local) {
		return "own", client
	}
	for name, addresses := range p.Nodes {
		for _, a := range addresses {
			if a.String() == client {
				return "node " + name, client
			}
		}
	}
	return client, client
}

func (o Outcome) allows(p Place, short string) bool {
	node, isNode := strings.CutPrefix(short, "node ")
	switch o.Source {
	case Own:
		return short == "own"
	case Asked:
		return isNode && node == p.Asked
	}
	return short == "own" || isNode && node != p.PodNode
}

// host returns the address of IP:port, or s if s has another form.
func host(s string) string {
	if at, err := netip.ParseAddrPort(s); err == nil {
		return at.Addr().Unmap().String()
	}
	return s
}
