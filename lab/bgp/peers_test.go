package bgp

import (
	"net/netip"
	"testing"
)

func TestPeersHas(t *testing.T) {
	one, other := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")
	for _, test := range []struct {
		name    string
		peers   Peers
		address netip.Addr
		of      string
		want    bool
	}{
		{"all", Peers{}, one, "", true},
		{"all, of a range", Peers{}, one, "nodes", true},
		{"its address", Peers{Addresses: []netip.Addr{other, one}}, one, "nodes", true},
		{"another's address", Peers{Addresses: []netip.Addr{other}}, one, "nodes", false},
		{"its range", Peers{Ranges: []string{"nodes", "nodes6"}}, other, "nodes6", true},
		{"another range", Peers{Ranges: []string{"nodes"}}, other, "nodes6", false},
		{"a range, and it is of none", Peers{Ranges: []string{""}}, one, "", false},
	} {
		if got := test.peers.Has(test.address, test.of); got != test.want {
			t.Errorf("%s: %v, wanted %v", test.name, got, test.want)
		}
	}
}
