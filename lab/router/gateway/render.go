package gateway

import (
	_ "embed"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"text/template"
	"time"

	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

//go:embed keepalived.conf.tmpl
var configTemplate string

// Render makes keepalived's configuration for one member. Two runs on the same plan give the same bytes.
func Render(g plan.Gateway, m plan.GatewayGuard) (string, error) {
	t, err := template.New("keepalived.conf").Funcs(template.FuncMap{
		"seconds": seconds,
		"exact":   func(d scenario.Duration) string { return seconds(d.Std()) },
		"whole":   func(d scenario.Duration) int { return int(d.Std() / time.Second) },
	}).Parse(configTemplate)
	if err != nil {
		return "", fmt.Errorf("lab bug: template of keepalived.conf: %w", err)
	}
	var b strings.Builder
	err = t.Execute(&b, struct {
		Gateway plan.Gateway
		Guard   plan.GatewayGuard
		Dir     string
		// Base is the priority in the file, and Weight the priority that the tracking script adds.
		Base, Weight int
		State        string
		// Instances are VRRP's virtual routers: one for each network and family.
		Instances []instance
	}{g, m, directory, base(g, m), m.Priority - base(g, m), state(g, m), instances(g, m)})
	if err != nil {
		return "", fmt.Errorf("keepalived.conf of gateway %s, member %s: %w", g.Name, m.Router, err)
	}
	return b.String(), nil
}

// state is the state in which a member starts. A backup waits for the master's silence first.
func state(g plan.Gateway, m plan.GatewayGuard) string {
	if g.State == scenario.StartMaster && m.Router == g.Members[0].Router {
		return "MASTER"
	}
	return "BACKUP"
}

// instance is a virtual router: VRRP has one for each network and IP family (RFC 9568, 1). All instances move together.
type instance struct {
	Name, Device string
	Addresses    []netip.Prefix
}

func instances(g plan.Gateway, m plan.GatewayGuard) []instance {
	var all []instance
	for i, a := range g.Addresses {
		device := m.DeviceOn(g, i)
		name := g.Name + "-" + a.Network
		all = append(all, instance{name, device, []netip.Prefix{netip.PrefixFrom(a.Address, a.Bits)}})
		if a.Address6.IsValid() {
			// The first of an IPv6 virtual router's addresses is link-local (RFC 9568, 5.2.9).
			all = append(all, instance{name + "-6", device, []netip.Prefix{
				netip.PrefixFrom(linkLocal(a.Address6), 64), netip.PrefixFrom(a.Address6, 64)}})
		}
	}
	return all
}

// linkLocal returns the link-local address with the same last 64 bits as a.
func linkLocal(a netip.Addr) netip.Addr {
	b := a.As16()
	copy(b[:8], []byte{0xfe, 0x80, 0, 0, 0, 0, 0, 0})
	return netip.AddrFrom16(b)
}

// base returns the priority of a member without routes. The priority is at least 1, and low enough: the highest member
// without routes stands below the lowest member with routes, and the order of the members stays. A member without
// tracking keeps the full priority.
func base(g plan.Gateway, m plan.GatewayGuard) int {
	if !m.TrackBGP && !m.TrackBGP6 {
		return m.Priority
	}
	lowest, highest := 255, 0
	for _, other := range g.Members {
		lowest, highest = min(lowest, other.Priority), max(highest, other.Priority)
	}
	return max(1, m.Priority-(highest-lowest+1))
}

// seconds writes an interval in keepalived's form. VRRPv3 counts hundredths of a second.
func seconds(d time.Duration) string {
	return strconv.FormatFloat(d.Round(10*time.Millisecond).Seconds(), 'f', -1, 64)
}
