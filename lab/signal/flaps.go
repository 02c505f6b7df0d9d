package signal

import (
	"context"
	"errors"

	"skidpad.dev/skidpad/lab/timeline"
)

// Flaps shows how often BGP sessions of a router ended since the begin of the trigger, with the peer and the reason of each
// end. The timeline has the events, so a session that comes back between two looks counts.
type Flaps struct{ Speaks }

// Read counts the events.
func (s *Flaps) Read(_ context.Context, r *Run) (Value, error) {
	return flapsOf(r.Events.Events(), r.Began, s.Router, s.Peer)
}

// flapsOf counts the ends of sessions since an instant.
func flapsOf(all []timeline.Event, since int64, router, peer string) (Value, error) {
	if missing := deaf(all, Moment{Lane: string(timeline.LaneBGP), Subject: router}); missing != "" {
		return Value{}, errors.New("the ends of sessions cannot be counted: " + missing)
	}
	ends := 0
	var texts []string
	for _, e := range all {
		of := e.Fields["peer"]
		if e.At < since || e.Lane != timeline.LaneBGP || e.Subject != router || e.Kind != "session-down" ||
			peer != "" && peer != of && peer != e.Fields["peerAddress"] {
			continue
		}
		ends++
		texts = append(texts, of+": "+e.Fields["reason"])
	}
	return Number(float64(ends), "", texts...), nil
}
