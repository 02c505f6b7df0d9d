package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"skidpad.dev/skidpad/lab/node"
)

// Neighbours returns the MACs that answer when a node asks for an address on one of the node's interfaces, by
// ARP (RFC 826) or, for an IPv6 address, by NDP (RFC 4861). The node asks the given number of times, a second
// apart. Each MAC is returned once, in the order of the answers; an empty result is no error.
func Neighbours(ctx context.Context, from node.Node, device string, at netip.Addr, times int) ([]string, error) {
	n := strconv.Itoa(times)
	// Debian's programs. Both print only the MAC of each answer, wait a second for the answer, and end with a
	// special exit code if there was no answer.
	ask, nobody := []string{"arping", "-r", "-c", n, "-w", n, "-i", device, at.String()}, 1
	if at.Is6() {
		ask, nobody = []string{"ndisc6", "-m", "-q", "-r", n, "-w", "1000", at.String(), device}, 2
	}
	out, err := from.Exec(ctx, ask...)
	var exit *node.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.Code != nobody) {
		return nil, fmt.Errorf("%s asks who has %s: %w", from.Name(), at, err)
	}
	return answerers(string(out)), nil
}

// answerers returns the MACs that stand alone in a line, each once.
func answerers(out string) []string {
	var macs []string
	for line := range strings.Lines(out) {
		mac, err := net.ParseMAC(strings.TrimSpace(line))
		if err == nil && !slices.Contains(macs, mac.String()) {
			macs = append(macs, mac.String())
		}
	}
	return macs
}
