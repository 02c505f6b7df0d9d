package signal

import (
	"context"
	"errors"
	"fmt"
	"math"

	"skidpad.dev/skidpad/lab/capture"
	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/probe"
	"skidpad.dev/skidpad/lab/scenario"
)

// Share shows the share of flows that a next hop carries, in per cent of the answered flows, rounded. A flow is a connection
// with a source port of its own; a next hop carries the flow if a packet to the target passes a link of the next hop.
type Share struct {
	byContent
	From  string `json:"from"`                                                // a client, router, node, or pod/WORKLOAD
	To    string `json:"to"`                                                  // as of Send
	Via   string `json:"via"`                                                 // the next hop: a router or a node
	Flows int    `json:"flows,omitempty" jsonschema:"minimum=8,maximum=1000"` // default 64: of equal shares of two next hops, the standard deviation is 6 points
}

// Probes marks the signal as a sender.
func (*Share) Probes() {}

// SetDefaults fills in Flows.
func (s *Share) SetDefaults(*scenario.Spec) { scenario.Or(&s.Flows, 64) }

// Validate checks the sender, the target and the next hop.
func (s *Share) Validate(v *scenario.Validation, path string) {
	v.Place(path+".from", s.From)
	v.Aim(path+".to", s.To)
	if known := append(v.RouterNames(), v.Spec().NodeNames()...); s.Via != "" {
		v.Known(path+".via", s.Via, "router or node", known)
	}
}

// Read opens the connections, and listens on the links of the next hop meanwhile.
func (s *Share) Read(ctx context.Context, r *Run) (Value, error) {
	seen, see := capture.Connections()
	var shots []record.Shot
	err := r.Lab.Listen(ctx, s.Via, see, func() (err error) {
		shots, err = r.shots(ctx, s.From, s.To, s.Flows, probe.Shots{Proto: record.TCP, Timeout: connectWithin})
		return err
	})
	if err != nil {
		return Value{}, err
	}
	return shareOf(shots, seen)
}

// shareOf is the share of answered connections among those that were seen.
func shareOf(shots []record.Shot, seen map[capture.Connection]bool) (Value, error) {
	answered, carried := 0, 0
	for _, shot := range shots {
		connection, ok := capture.ConnectionOf(shot.Target, shot.Local)
		if !ok || shot.Error != "" {
			continue
		}
		answered++
		if seen[connection] {
			carried++
		}
	}
	if answered == 0 {
		return Value{}, errors.New("no flow was answered, so there are no shares")
	}
	return Number(math.Round(100*float64(carried)/float64(answered)), fmt.Sprintf(" %% of %d flows", answered)), nil
}
