package signal

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/probe"
	"skidpad.dev/skidpad/lab/scenario"
)

// ARP shows the MACs that answer for an address, with the owners. The node asks three times on its own segment (RFC 826);
// for an IPv6 address by NDP (RFC 4861). Each MAC that answers counts once.
type ARP struct{ Asks }

// Asks are the fields of a signal that asks for the owners of an address.
type Asks struct {
	byContent
	withoutDefaults
	From    string `json:"from"`              // a client or a router
	Network string `json:"network,omitempty"` // default: the node's first
	Address string `json:"address"`
}

// Validate checks the sender, its link and the names in the address.
func (s *Asks) Validate(v *scenario.Validation, path string) {
	v.Place(path+".from", s.From)
	v.Addressed(path+".address", s.Address, false)
	if s.Network != "" {
		v.LinkOf(path+".network", s.From, s.Network)
	}
}

// Read asks, and names the owner of each MAC.
func (s *ARP) Read(ctx context.Context, r *Run) (Value, error) {
	at, err := r.address(ctx, s.Address)
	if err != nil {
		return Value{}, err
	}
	return r.whoHas(ctx, s.From, s.Network, at)
}

// address is the address that a text with names stands for.
func (r *Run) address(ctx context.Context, text string) (netip.Addr, error) {
	text, err := r.Fill(ctx, text)
	if err != nil {
		return netip.Addr{}, err
	}
	return netip.ParseAddr(text)
}

// whoHas asks from a node who has an address. The network "" is the node's first.
func (r *Run) whoHas(ctx context.Context, from, network string, at netip.Addr) (Value, error) {
	n, err := r.Place(ctx, from)
	if err != nil {
		return Value{}, err
	}
	if network == "" {
		if on := r.Lab.Plan.Attachments()[from]; len(on) > 0 {
			network = on[0].Network
		}
	}
	macs, err := askedThrice(ctx, n, network, at)
	if err != nil {
		return Value{}, err
	}
	owners := r.macs(ctx)
	var all []string
	for _, mac := range macs {
		if of := owners[mac]; of != "" {
			mac += " (" + of + ")"
		}
		all = append(all, mac)
	}
	return Texts(all...), nil
}

// askedThrice returns the MACs that answer. No answer on an interface that is down is an error: arping ends with the same
// code when nobody answered and when arping could not ask.
func askedThrice(ctx context.Context, n node.Node, device string, at netip.Addr) ([]string, error) {
	macs, err := probe.Neighbours(ctx, n, device, at, 3)
	if err != nil || len(macs) > 0 {
		return macs, err
	}
	carrier, err := n.Exec(ctx, "cat", "/sys/class/net/"+device+"/carrier") // sysfs-class-net: unreadable when the interface is set down
	if err != nil || strings.TrimSpace(string(carrier)) != "1" {
		return nil, errors.Join(fmt.Errorf("%s asks who has %s on %s: the interface is down, so that nobody answers proves nothing", n.Name(), at, device), err)
	}
	return nil, nil
}
