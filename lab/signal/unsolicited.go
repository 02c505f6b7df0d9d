package signal

import (
	"context"
	"errors"
	"fmt"

	"skidpad.dev/skidpad/lab/scenario"
	"skidpad.dev/skidpad/lab/timeline"
)

// Unsolicited shows how many announcements of an address nobody asked for, since the begin of the trigger: gratuitous ARP (RFC
// 5227, 3) and, for an IPv6 address, unsolicited neighbour advertisements (RFC 4861, 7.2.6). There is a text for each sender:
// the MAC with the owner; of IPv6 also `override` or `without override`, and `target option`, `source option` or `no option`.
type Unsolicited struct {
	byContent
	withoutDefaults
	Network string `json:"network"` // the network whose bridge listens
	Address string `json:"address"`
}

// Validate checks the network and the names in the address.
func (s *Unsolicited) Validate(v *scenario.Validation, path string) {
	if s.Network != "" {
		v.Network(path+".network", s.Network)
	}
	v.Addressed(path+".address", s.Address, false)
}

// Read counts the events of the timeline.
func (s *Unsolicited) Read(ctx context.Context, r *Run) (Value, error) {
	at, err := r.address(ctx, s.Address)
	if err != nil {
		return Value{}, err
	}
	all := r.Events.Events()
	if missing := deaf(all, Moment{Lane: string(timeline.LaneARP)}); missing != "" {
		return Value{}, errors.New("announcements cannot be counted: " + missing)
	}
	return announcements(all, r.Began, s.Network, at.String(), r.macs(ctx)), nil
}

// announcements counts the events since an instant.
func announcements(all []timeline.Event, since int64, network, address string, owners map[string]string) Value {
	count := 0
	var texts []string
	for _, e := range all {
		if e.At < since || e.Lane != timeline.LaneARP || e.Subject != network || e.Fields["sender"] != address ||
			e.Kind != "gratuitous" && e.Kind != "unsolicited" {
			continue
		}
		count++
		text := e.Fields["senderMAC"]
		if of := owners[text]; of != "" {
			text += " (" + of + ")"
		}
		if e.Kind == "unsolicited" {
			text += fmt.Sprintf(", %s, %s", map[string]string{"true": "override", "false": "without override"}[e.Fields["override"]], e.Fields["option"])
		}
		texts = append(texts, text)
	}
	return Number(float64(count), "", texts...)
}
