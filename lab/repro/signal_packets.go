package repro

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/probe"
	"skidpad.dev/skidpad/lab/scenario"
)

var (
	answeredPings = regexp.MustCompile(`(?m)^[0-9]+ bytes from `)
	expiredPings  = regexp.MustCompile(`(?m)Time to live exceeded`)
)

// arp asks three times, by NDP for an IPv6 address; each MAC that answers counts once.
func (r *runner) arp(ctx context.Context, s scenario.ARPSignal) (value, error) {
	address, err := r.fill(ctx, s.Address)
	if err != nil {
		return value{}, err
	}
	n, err := r.place(ctx, s.From)
	if err != nil {
		return value{}, err
	}
	device := s.Network
	if device == "" {
		if on := attachments(r.lab.Plan)[s.From]; len(on) > 0 {
			device = on[0].Network
		}
	}
	at, err := netip.ParseAddr(address)
	if err != nil {
		return value{}, err
	}
	macs, err := askedThrice(ctx, n, device, at)
	if err != nil {
		return value{}, err
	}
	owners := r.macs(ctx)
	var all []string
	for _, mac := range macs {
		if of := owners[mac]; of != "" {
			mac += " (" + of + ")"
		}
		all = append(all, mac)
	}
	return texts(all...), nil
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

// ranAtLeast lets pass that a command found nothing: ping ends with 1 then.
func ranAtLeast(err error) error {
	var exit *node.ExitError
	if errors.As(err, &exit) && exit.Code == 1 {
		return nil
	}
	return err
}

// macs names who has a MAC. What cannot be asked is left out: it may be what was broken.
func (r *runner) macs(ctx context.Context) map[string]string {
	all := map[string]string{}
	for _, name := range r.lab.Names() {
		n, err := r.lab.Node(name)
		if err != nil || n.Kind() == node.KindGateway {
			continue
		}
		out, err := n.Exec(ctx, "sh", "-c", "cat /sys/class/net/*/address")
		if err != nil {
			continue
		}
		for _, mac := range strings.Fields(string(out)) {
			if !slices.Contains(strings.Split(all[mac], ","), name) {
				all[mac] = strings.Trim(all[mac]+","+name, ",")
			}
		}
	}
	return all
}

// ping sends echo requests and counts the lines of its output that match.
func (r *runner) ping(ctx context.Context, s scenario.PingSignal, count *regexp.Regexp) (value, error) {
	to, err := r.fill(ctx, s.To)
	if err != nil {
		return value{}, err
	}
	n, err := r.place(ctx, s.From)
	if err != nil {
		return value{}, err
	}
	out, err := n.Exec(ctx, "ping", "-n", "-c", strconv.Itoa(s.Count), "-i", "0.2", "-W", "1", to)
	if err := ranAtLeast(err); err != nil {
		return value{}, err
	}
	return number(float64(len(count.FindAllIndex(out, -1))), fmt.Sprintf(" of %d", s.Count)), nil
}

// connect opens connections side by side, each from a port of its own, and tells how many were answered and what became
// of the others: connection refused is what a RST makes, timeout what silence does.
func (r *runner) connect(ctx context.Context, s scenario.ConnectSignal) (value, error) {
	to, err := r.fill(ctx, s.To)
	if err != nil {
		return value{}, err
	}
	ref, err := probe.ParseRef(to)
	if err != nil {
		return value{}, err
	}
	found, err := r.lab.Resolve(ctx, ref, record.Proto(s.Proto))
	if err != nil {
		return value{}, err
	}
	n, err := r.place(ctx, s.From)
	if err != nil {
		return value{}, err
	}
	targets := make([]netip.AddrPort, s.Count)
	for i := range targets {
		targets[i] = found[i%len(found)]
	}
	shots, err := probe.Once(ctx, n, probe.Shots{Proto: record.Proto(s.Proto), Targets: targets, Timeout: connectWithin})
	if err != nil {
		return value{}, err
	}
	answered := 0
	var others []string
	for _, shot := range shots {
		if shot.Error == "" {
			answered++
			continue
		}
		others = append(others, becameOf(shot.Error))
	}
	return number(float64(answered), fmt.Sprintf(" of %d answered", s.Count), others...), nil
}

// becameOf says in the prober's own words what a dialler says in others.
func becameOf(problem string) string {
	if strings.HasSuffix(problem, "i/o timeout") {
		return "timeout"
	}
	return problem
}
