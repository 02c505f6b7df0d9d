package watch

import (
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"
)

// frame reads a frame in the form of tcpdump -xx, without the offsets.
func frame(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const (
	r1Gratuitous = "ffffffffffff 0242c0000202 0806 0001 0800 06 04 0001 0242c0000202 c00002fa ffffffffffff c00002fa"
	r2Gratuitous = "ffffffffffff 0242c0000203 0806 0001 0800 06 04 0001 0242c0000203 c00002fa ffffffffffff c00002fa"
	question     = "ffffffffffff 0242c0000204 0806 0001 0800 06 04 0001 0242c0000204 c0000204 000000000000 c00002fa"
	answer       = "0242c0000204 0242c0000203 0806 0001 0800 06 04 0002 0242c0000203 c00002fa 0242c0000204 c0000204 00000000"
	probing      = "ffffffffffff 0242c0000209 0806 0001 0800 06 04 0001 0242c0000209 00000000 000000000000 c0000209"
)

func TestARP(t *testing.T) {
	names := newNames(&planForNames)
	w := &Watch{names: names}
	names.learn("r1", nil, []string{"02:42:c0:00:02:02"})
	names.learn("r2", nil, []string{"02:42:c0:00:02:03"})
	table := arpTable{network: "edge", who: w.who, whoMAC: w.whoMAC, at: map[netip.Addr]string{}}
	story := &script{t: t}
	for _, packet := range []struct{ name, frame string }{
		{"r1 announces the gateway", r1Gratuitous}, {"again", r1Gratuitous}, {"a client asks", question},
		{"r2 announces it", r2Gratuitous}, {"r2 answers", answer}, {"duplicate address detection", probing},
	} {
		p, ok := parseARP(frame(t, packet.frame))
		if !ok {
			t.Errorf("%s: not read as ARP", packet.name)
			continue
		}
		story.phase(packet.name, list(table.event(p)))
	}
	golden(t, "arp.txt", story.text.Bytes())
}

func TestParseARPRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"short":           question[:60],
		"IPv4":            strings.Replace(question, "0806", "0800", 1),
		"other addresses": strings.Replace(question, "0800 06 04", "86dd 06 10", 1),
		"RARP's question": strings.Replace(question, "06 04 0001", "06 04 0003", 1),
	} {
		if p, ok := parseARP(frame(t, text)); ok {
			t.Errorf("%s was read as %+v", name, p)
		}
	}
}

func TestParseNA(t *testing.T) {
	const (
		head   = "333300000001 0242c0000202 86dd 60000000 0020 3a ff fe800000000000000042c0fffe000202 ff020000000000000000000000000001 8800 0000 "
		target = " 20010db8000000000000000000000099"
		owned  = " 0201 0242c0000202"
		source = " 0101 0242c0000202"
	)
	for name, tt := range map[string]struct {
		frame string
		want  advertisement
		ok    bool
	}{
		"as RFC 4861 wants it":   {head + "20000000" + target + owned, advertisement{override: true, option: "target option"}, true},
		"with the other option":  {head + "00000000" + target + source, advertisement{option: "source option"}, true},
		"solicited, no option":   {head + "60000000" + target, advertisement{solicited: true, override: true, option: "no option"}, true},
		"a solicitation":         {strings.Replace(head, " 8800 ", " 8700 ", 1) + "00000000" + target + source, advertisement{}, false},
		"cut":                    {head + "20000000", advertisement{}, false},
		"an option of no length": {head + "20000000" + target + " 0200 0242c0000202", advertisement{override: true, option: "no option"}, true},
	} {
		if tt.ok {
			tt.want.address, tt.want.mac = netip.MustParseAddr("2001:db8::99"), "02:42:c0:00:02:02"
		}
		if got, ok := parseNA(frame(t, tt.frame)); ok != tt.ok || got != tt.want {
			t.Errorf("%s: seen %+v, %v; want %+v, %v", name, got, ok, tt.want, tt.ok)
		}
	}
}
