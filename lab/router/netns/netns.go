// Package netns is what every container with interfaces of its own shares, routers and clients: the
// program that names the interfaces for the lab's networks before anything else runs, and the reader
// of the kernel's routes.
package netns

import (
	_ "embed"
	"maps"
	"net/netip"

	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/plan"
)

const initPath = "/usr/local/lib/skidpad/init.sh"

//go:embed init.sh
var initScript []byte

// Init is the file that Entrypoint runs.
func Init() docker.File { return docker.File{Path: initPath, Mode: 0o755, Data: initScript} }

// Entrypoint is a container's: the program that renames each interface to its network's name, found by
// its address, takes the engine's default route away, sets one by way of gateway where that is valid, and
// becomes the command. It needs sh, ip(8) and NET_ADMIN, and works again when the container is restarted. gateways
// are at most one of each IP family.
func Entrypoint(networks []plan.Attachment, gateways []netip.Addr, command ...string) []string {
	cmd := []string{"/bin/sh", initPath}
	for _, g := range gateways {
		if g.IsValid() {
			cmd = append(cmd, "-g", g.String())
		}
	}
	for _, n := range networks {
		word := n.Network + "=" + n.Address.String()
		if n.Address6.IsValid() {
			word += "," + n.Address6.String() + "/64"
		}
		cmd = append(cmd, word)
	}
	return append(append(cmd, "--"), command...)
}

// Attach is where the engine connects the container: each of its networks by the engine's name for it.
func Attach(all []plan.Network, to []plan.Attachment) []docker.Attach {
	names := make(map[string]string, len(all))
	for _, n := range all {
		names[n.Name] = n.Docker
	}
	list := make([]docker.Attach, len(to))
	for i, a := range to {
		list[i] = docker.Attach{Network: names[a.Network], Address: a.Address, Address6: a.Address6}
	}
	return list
}

// fiveTuple are the fields of a packet that decide about its way: both addresses, the protocol and both ports (ip-sysctl,
// fib_multipath_hash_fields).
const fiveTuple = "55" // 0x01 + 0x02 + 0x04 + 0x10 + 0x20

// RouterSysctls are the kernel settings of a router's network namespace, by the networks that it is on.
func RouterSysctls(networks []plan.Attachment) map[string]string {
	settings := HostSysctls(networks)
	for _, n := range networks {
		if n.Address6.IsValid() {
			settings["net.ipv6.conf.all.forwarding"] = "1"
			settings["net.ipv6.fib_multipath_hash_policy"] = "3"
			settings["net.ipv6.fib_multipath_hash_fields"] = fiveTuple
			settings["net.ipv6.icmp.ratelimit"] = "0"
		}
	}
	maps.Copy(settings, map[string]string{
		"net.ipv4.ip_forward": "1",
		// Answers may come back on another interface than questions leave by: ECMP, DSR.
		"net.ipv4.conf.all.rp_filter":     "0",
		"net.ipv4.conf.default.rp_filter": "0",
		// ECMP by addresses and ports, so that flows of one client spread. Policy 1 would say so more simply, but takes a
		// hash that a packet has already, and what a socket on this host sends has one: a number that the sender's kernel
		// draws for the socket, and draws anew when it retransmits. No router of another machine sees that.
		"net.ipv4.fib_multipath_hash_policy": "3",
		"net.ipv4.fib_multipath_hash_fields": fiveTuple,
		// Every packet that has no way is answered: at the default rate of one ICMP error a second and receiver, a
		// test that must be told so would hear nothing.
		"net.ipv4.icmp_ratelimit": "0",
		// ARP is answered on the interface that has the address only, and asked with an address of the interface
		// that asks: else a gateway's address on one network would answer on the other, too.
		"net.ipv4.conf.all.arp_ignore":   "1",
		"net.ipv4.conf.all.arp_announce": "2",
	})
	return settings
}

// HostSysctls are the kernel settings of the network namespace of any host with interfaces of its own: none without IPv6.
func HostSysctls(networks []plan.Attachment) map[string]string {
	settings := map[string]string{}
	for _, n := range networks {
		if !n.Address6.IsValid() {
			continue
		}
		for _, which := range []string{"all", "default"} {
			at := "net.ipv6.conf." + which + "."
			settings[at+"disable_ipv6"] = "0"
			// Nobody advertises routes or prefixes here; a way that came so would lead past the lab's routers.
			settings[at+"accept_ra"] = "0"
			// The engine sees to it that no address is there twice; to find out takes a second in which it cannot be used.
			settings[at+"accept_dad"] = "0"
			// An interface is down while it is renamed, and loses its addresses unless told otherwise.
			settings[at+"keep_addr_on_down"] = "1"
		}
	}
	return settings
}
