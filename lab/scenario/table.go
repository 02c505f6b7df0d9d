package scenario

import (
	"encoding/binary"
	"fmt"
	"iter"
	"net/netip"
)

// DefaultTableFrom is the default prefix of a generated table: 2^20 prefixes fit.
var DefaultTableFrom = netip.MustParsePrefix("16.0.0.0/4")

// DefaultTableLength is the usual length of a prefix in the Internet's table.
const DefaultTableLength = 24

// tableRun is the number of neighbouring prefixes with the same AS path. In the Internet's table, an origin AS has about
// thirteen prefixes.
const tableRun = 13

// tableASN is the first origin ASN of a generated table: private use (RFC 6996).
const tableASN = 4_200_000_000

// Table is a generated table of IPv4 routes, like the Internet's. Prefixes follow one another from the start of From.
// Thirteen neighbours share an origin ASN of their own, so updates have many different AS paths. The router answers at every
// address of From.
type Table struct {
	Routes int `json:"routes" jsonschema:"minimum=1,maximum=1000000"`
	// From is the range of the prefixes; default 16.0.0.0/4.
	From netip.Prefix `json:"from,omitempty,omitzero" jsonschema:"example=16.0.0.0/4"`
	// Length is the length of each prefix in bits; default 24.
	Length int `json:"length,omitempty" jsonschema:"minimum=8,maximum=32"`
}

func (t *Table) setDefaults() {
	if t == nil {
		return
	}
	if !t.From.IsValid() {
		t.From = DefaultTableFrom
	}
	Or(&t.Length, DefaultTableLength)
}

// Prefixes returns the prefixes of the table in order, each with its origin ASN.
func (t *Table) Prefixes() iter.Seq2[netip.Prefix, uint32] {
	return func(yield func(netip.Prefix, uint32) bool) {
		for i := range t.Routes {
			if !yield(t.Nth(i), tableASN+uint32(i/tableRun)) { //nolint:gosec // at most a million
				return
			}
		}
	}
}

// Nth returns a prefix of the table, counted from 0.
func (t *Table) Nth(i int) netip.Prefix {
	first := t.From.Masked().Addr().As4()
	at := binary.BigEndian.Uint32(first[:]) + uint32(i)<<(32-t.Length) //nolint:gosec // inside From, by validation
	return netip.PrefixFrom(netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, at))), t.Length)
}

// table checks that the prefixes fit into the range.
func (v *Validation) table(path string, r *Router) {
	t := r.BGP.Table
	if t == nil {
		return
	}
	v.Needs(path, r, GeneratesTable, "it with "+string(r.Software))
	switch {
	case !t.From.Addr().Is4():
		v.Add(path+".from", "seen %s, want an IPv4 prefix such as %s", t.From, DefaultTableFrom)
	case t.Length < t.From.Bits():
		v.Add(path+".length", "seen %d, want %d, the length of from, or more", t.Length, t.From.Bits())
	case t.Routes > 1<<(t.Length-t.From.Bits()):
		v.Add(path+".routes", "seen %d, want at most %d, the number of prefixes of length %d in %s", t.Routes, 1<<(t.Length-t.From.Bits()), t.Length, t.From)
	}
}

// tableSpans lists the ranges of generated tables.
func (v *Validation) tableSpans(add func(path, what string, p netip.Prefix)) {
	for i, r := range v.spec.Routers {
		if r.BGP != nil && r.BGP.Table != nil {
			add(fmt.Sprintf("spec.routers[%d].bgp.table.from", i), "table of "+r.Name, r.BGP.Table.From)
		}
	}
}
