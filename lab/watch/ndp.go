//go:build linux

package watch

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"

	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/timeline"
)

// The numbers of a neighbour advertisement (RFC 4861, 4.4 and 4.6.1; RFC 4443).
const (
	protoICMPv6     = 58
	typeNA          = 136
	flagSolicited   = 0x40
	flagOverride    = 0x20
	optionSource    = 1
	optionTarget    = 2
	headersBeforeNA = 14 + 40 // Ethernet and IPv6
)

// onlyNA passes neighbour advertisements without extension headers: the next header is at byte 20, the type at byte 54.
var onlyNA = []unix.SockFilter{
	{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: 20},
	{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: protoICMPv6, Jf: 3},
	{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: headersBeforeNA},
	{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: typeNA, Jf: 1},
	{Code: unix.BPF_RET | unix.BPF_K, K: 0xffff},
	{Code: unix.BPF_RET | unix.BPF_K, K: 0},
}

// watchNDP captures unsolicited neighbour advertisements on a network's bridge, from the host.
func (w *Watch) watchNDP(ctx context.Context, n plan.Network, ready func()) error {
	capture, err := openFrames(n.Bridge, unix.ETH_P_IPV6, onlyNA)
	if err != nil {
		return err
	}
	return w.readFrames(ctx, n.Bridge, capture, ready, func(frame []byte) (timeline.Event, bool) {
		a, ok := parseNA(frame)
		if !ok || a.solicited {
			return timeline.Event{}, false
		}
		return w.unsolicited(n.Name, a), true
	})
}

// unsolicited is the event of an advertisement. RFC 4861, 7.2.6, wants the flag override for a changed MAC.
func (w *Watch) unsolicited(network string, a advertisement) timeline.Event {
	flag := "without override"
	if a.override {
		flag = "override"
	}
	return timeline.New(timeline.LaneARP, network, "unsolicited", fmt.Sprintf("%s announces itself at %s, %s, %s", w.who(a.address), w.whoMAC(a.mac), flag, a.option),
		map[string]string{"network": network, "sender": a.address.String(), "senderMAC": a.mac, "override": fmt.Sprint(a.override), "option": a.option})
}

// advertisement is a neighbour advertisement (RFC 4861, 4.4).
type advertisement struct {
	address             netip.Addr // the target
	mac                 string     // of the frame's sender
	solicited, override bool
	option              string // target option, source option or no option: the link-layer address in the packet
}

// parseNA reads a frame. ok is false for any other frame.
//
//	 0      6      12     14     20    22   38   54     56         58       62       78
//	| to   | from | 86dd | IPv6 | 58  | from | to | 136 | checksum | flags  | target | options …
func parseNA(b []byte) (a advertisement, ok bool) {
	const end = headersBeforeNA + 24
	if len(b) < end || b[12] != 0x86 || b[13] != 0xdd || b[20] != protoICMPv6 || b[headersBeforeNA] != typeNA {
		return a, false
	}
	flags := b[headersBeforeNA+4]
	a = advertisement{
		address: netip.AddrFrom16([16]byte(b[headersBeforeNA+8 : end])), mac: net.HardwareAddr(b[6:12]).String(),
		solicited: flags&flagSolicited != 0, override: flags&flagOverride != 0, option: "no option",
	}
	for rest := b[end:]; len(rest) >= 8 && rest[1] > 0; rest = rest[min(len(rest), 8*int(rest[1])):] {
		switch rest[0] {
		case optionTarget:
			a.option = "target option"
		case optionSource:
			a.option = "source option"
		}
	}
	return a, true
}
