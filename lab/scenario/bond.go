package scenario

import (
	"fmt"
	"time"
)

// Bond makes a point-to-point network of several links, bonded at both ends (Linux, Documentation/networking/bonding.rst). The
// interface of a bond has the network's name, and the interfaces of the links are the name with -1, -2 and so on.
type Bond struct {
	// Mode is the mode with the kernel's name; default 802.3ad (LACP, IEEE 802.1AX).
	Mode BondMode `json:"mode,omitempty" jsonschema:"enum=balance-rr,enum=active-backup,enum=balance-xor,enum=broadcast,enum=802.3ad,enum=balance-tlb,enum=balance-alb"`
	// Links is the number of links, 2 to 8; default 2.
	Links int `json:"links,omitempty" jsonschema:"minimum=2,maximum=8"`
	// MIIMon is the interval of looks at the carrier of each link (miimon), whole milliseconds from 1ms to 10s; default 100ms.
	MIIMon Duration `json:"miimon,omitempty"`
	// XmitHashPolicy is the choice of a link for a packet (xmit_hash_policy): layer2, layer2+3 or layer3+4; default layer2. Only
	// balance-xor, 802.3ad and balance-tlb have a choice.
	XmitHashPolicy string `json:"xmitHashPolicy,omitempty" jsonschema:"enum=layer2,enum=layer2+3,enum=layer3+4"`
}

// BondMode is a mode of bonds.
type BondMode string

// The modes.
const (
	BondRoundRobin   BondMode = "balance-rr"
	BondActiveBackup BondMode = "active-backup"
	BondXOR          BondMode = "balance-xor"
	BondBroadcast    BondMode = "broadcast"
	BondLACP         BondMode = "802.3ad"
	BondTLB          BondMode = "balance-tlb"
	BondALB          BondMode = "balance-alb"
)

// The defaults of bonds, and the longest interval.
const (
	defaultBondLinks = 2
	defaultMIIMon    = Duration(100 * time.Millisecond)
	mostMIIMon       = 10 * time.Second
	defaultXmit      = "layer2"
)

// bondName is the longest name of a network with a bond: the names of the links are two characters longer.
const bondName = 13

func (b *Bond) setDefaults() {
	if b == nil {
		return
	}
	Or(&b.Mode, BondLACP)
	Or(&b.Links, defaultBondLinks)
	Or(&b.MIIMon, defaultMIIMon)
	Or(&b.XmitHashPolicy, defaultXmit)
}

// hashes reports whether the mode chooses a link by xmit_hash_policy.
func (b *Bond) hashes() bool { return b.Mode == BondXOR || b.Mode == BondLACP || b.Mode == BondTLB }

// LinkName returns the name of the interface of a bond's link, counted from 1.
func (n Network) LinkName(link int) string { return fmt.Sprintf("%s-%d", n.Name, link) }

// bond checks the bond of a network.
func (v *Validation) bond(at string, n Network) {
	if n.Bond == nil {
		return
	}
	b := n.Bond
	if !n.PointToPoint {
		v.Add(at+".bond", "seen it without pointToPoint, want pointToPoint: true: a bond has two ends")
	}
	if len(n.Name) > bondName {
		v.Add(at+".name", "seen %q, want at most %d characters: the links of a bond have two more", shorten(n.Name), bondName)
	}
	for _, other := range v.spec.Networks {
		for i := 1; i <= b.Links; i++ {
			if other.Name == n.LinkName(i) {
				v.Add(at+".bond", "seen the network %s, which has the name of a link of the bond, want another name", other.Name)
			}
		}
	}
	if d := b.MIIMon.Std(); d < time.Millisecond || d > mostMIIMon || d%time.Millisecond != 0 {
		v.Add(at+".bond.miimon", "seen %s, want whole milliseconds from 1ms to 10s", b.MIIMon)
	}
	if !b.hashes() && b.XmitHashPolicy != defaultXmit {
		v.Add(at+".bond.xmitHashPolicy", "seen %s with mode %s, want mode balance-xor, 802.3ad or balance-tlb", b.XmitHashPolicy, b.Mode)
	}
}

// NetworkBond returns the bond of a network, or nil.
func (v *Validation) NetworkBond(name string) *Bond {
	if n := v.spec.Network(name); n != nil {
		return n.Bond
	}
	return nil
}
