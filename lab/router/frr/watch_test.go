package frr

import (
	"maps"
	"testing"

	"skidpad.dev/skidpad/lab/plan"
)

func TestParseStations(t *testing.T) {
	config := `Building configuration...
!
router bgp 64513
 bgp router-id 10.89.0.2
 !
 bmp targets somebody
  bmp connect 127.0.0.1 port 5000 min-retry 100 max-retry 500
 exit
 !
 bmp targets skidpad-43211
  bmp stats interval 0
  bmp monitor ipv4 unicast post-policy
  bmp connect 127.0.0.1 port 43211 min-retry 100 max-retry 500
 exit
 !
 bmp targets skidpad
  bmp connect 127.0.0.1 port 11019 min-retry 100 max-retry 500
  bmp connect 192.0.2.9 port 11020 min-retry 100 max-retry 500
 exit
exit
`
	got, err := parseStations([]byte(config))
	if err != nil || !maps.Equal(got, map[int]bool{11019: false, 43211: true}) {
		t.Errorf("stations %v, %v; wanted 11019 from the start and 43211", got, err)
	}
	if _, err := parseStations([]byte("Building configuration...\n!\nend\n")); err == nil {
		t.Error("a bgpd that has no configuration yet is taken for one without stations")
	}
	s := &plan.Speaker{Neighbors: []plan.Neighbor{{}}, Ranges: []plan.Range{{}}}
	one := "  neighbor nodes soft-reconfiguration inbound\n"
	if got := viewOf([]byte(one), s); got != "post-policy" {
		t.Errorf("where bgpd keeps one peer's routes of two, %s is asked for", got)
	}
	if got := viewOf([]byte(one+one), s); got != "pre-policy" {
		t.Errorf("where bgpd keeps all, %s is asked for", got)
	}
}
