// Package netns has the parts shared by all containers with interfaces of their own, routers and clients: the program
// that names the interfaces after the lab's networks before anything else runs, and the reader of the kernel's routes.
package netns

import (
	_ "embed"
	"maps"

	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/plan"
)

const initPath = "/usr/local/lib/skidpad/init.sh"

//go:embed init.sh
var initScript []byte

// Init is the file that Entrypoint runs.
func Init() docker.File { return docker.File{Path: initPath, Mode: 0o755, Data: initScript} }

// Entrypoint returns a container's entry point: a program that finds each interface by the address and renames the
// interface to the network's name. The program also removes the engine's default route, makes the calls of ip(8), and then
// becomes the command. The command starts when the links are up, or 5 s later without them. The program needs sh, ip(8) and NET_ADMIN, and also works after a restart of the container.
func Entrypoint(networks []plan.Attachment, calls, links []string, command ...string) []string {
	cmd := []string{"/bin/sh", initPath}
	for _, c := range calls {
		cmd = append(cmd, "-i", c)
	}
	for _, l := range links {
		cmd = append(cmd, "-l", l)
	}
	for _, n := range plan.EngineNetworks(networks) {
		word := n.Network + "=" + n.Address.String()
		if n.Address6.IsValid() {
			word += "," + n.Address6.String() + "/64"
		}
		cmd = append(cmd, word)
	}
	return append(append(cmd, "--"), command...)
}

// Attach returns the container's connections in the engine: each network by the engine's name.
func Attach(all []plan.Network, to []plan.Attachment) []docker.Attach {
	names := make(map[string]string, len(all))
	for _, n := range all {
		names[n.Name] = n.Docker
	}
	engine := plan.EngineNetworks(to)
	list := make([]docker.Attach, len(engine))
	for i, a := range engine {
		list[i] = docker.Attach{Network: names[a.Network], Address: a.Address, Address6: a.Address6}
	}
	return list
}

// fiveTuple is the set of packet fields for the choice of a path: both addresses, the protocol and both ports
// (ip-sysctl, fib_multipath_hash_fields).
const fiveTuple = "55" // 0x01 + 0x02 + 0x04 + 0x10 + 0x20

// RouterSysctls returns the kernel settings of a router's network namespace, for the router's networks.
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
		// Questions and answers may use different interfaces: ECMP, DSR.
		"net.ipv4.conf.all.rp_filter":     "0",
		"net.ipv4.conf.default.rp_filter": "0",
		// ECMP by addresses and ports spreads the flows of one client. Policy 1 is simpler, but prefers a hash stored
		// in the packet. A packet from a socket on this host has a stored hash: the sender's kernel draws a number for
		// the socket, and draws again at a retransmission. A router on another machine never sees the stored hash.
		"net.ipv4.fib_multipath_hash_policy": "3",
		"net.ipv4.fib_multipath_hash_fields": fiveTuple,
		// The kernel answers every packet without a route. At the default rate of one ICMP error a second and receiver,
		// a test that waits for the error would see none.
		"net.ipv4.icmp_ratelimit": "0",
		// The kernel answers ARP only on the interface with the address, and asks with an address of the asking
		// interface. Otherwise a gateway's address on one network would also answer on the other network.
		"net.ipv4.conf.all.arp_ignore":   "1",
		"net.ipv4.conf.all.arp_announce": "2",
	})
	return settings
}

// HostSysctls returns the kernel settings of the network namespace of any host with interfaces of its own: none without
// IPv6.
func HostSysctls(networks []plan.Attachment) map[string]string {
	settings := map[string]string{}
	for _, n := range networks {
		if !n.Address6.IsValid() {
			continue
		}
		for _, which := range []string{"all", "default"} {
			at := "net.ipv6.conf." + which + "."
			settings[at+"disable_ipv6"] = "0"
			// No router advertises routes or prefixes here. An advertised route would lead past the lab's routers.
			settings[at+"accept_ra"] = "0"
			// The engine avoids duplicate addresses. Duplicate address detection would block each address for a second.
			settings[at+"accept_dad"] = "0"
			// A rename needs the interface down. By default, the interface then loses the addresses.
			settings[at+"keep_addr_on_down"] = "1"
		}
	}
	return settings
}
