package scenario

import (
	"net/netip"
	"testing"
)

func TestPrefixesOfATable(t *testing.T) {
	table := &Table{Routes: 1 << 20}
	table.setDefaults()
	seen := map[netip.Prefix]bool{}
	origins := map[uint32]int{}
	for p, asn := range table.Prefixes() {
		if seen[p] || p != p.Masked() || p.Bits() != 24 || !table.From.Contains(p.Addr()) {
			t.Fatalf("seen %s, want a new prefix of length 24 in %s", p, table.From)
		}
		seen[p] = true
		origins[asn]++
	}
	if len(seen) != 1<<20 || table.Nth(1<<20-1).String() != "31.255.255.0/24" {
		t.Errorf("seen %d prefixes, the last is %s", len(seen), table.Nth(1<<20-1))
	}
	if want := 1<<20/tableRun + 1; len(origins) != want {
		t.Errorf("seen %d origins, want %d", len(origins), want)
	}
	hosts := &Table{Routes: 3, From: netip.MustParsePrefix("192.0.2.7/24"), Length: 32}
	if got := hosts.Nth(2).String(); got != "192.0.2.2/32" {
		t.Errorf("seen %s", got)
	}
}
