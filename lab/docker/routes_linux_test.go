package docker

import (
	"runtime"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// alone gives the test a network namespace, which ends with the test's thread, and returns a function that makes links there.
func alone(t *testing.T) (add func(netlink.Link)) {
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skip("this user may make no network namespace: ", err)
	}
	return func(l netlink.Link) {
		t.Helper()
		if err := netlink.LinkAdd(l); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFreeLink(t *testing.T) {
	add := alone(t)
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "sp-1"}}
	add(bridge)
	for range 2 { // the second time, nothing is there
		if !freeLink("sp-1") {
			t.Error("a bridge without ports stays")
		}
	}
	bridge.Index = 0
	add(bridge)
	add(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "port", MasterIndex: bridge.Index}, PeerName: "peer"})
	for _, name := range []string{"sp-1", "port"} {
		if freeLink(name) {
			t.Errorf("%s is in use, and was called free", name)
		}
	}
}

// TestPortsOf has the port of a namespace that the kernel keeps, a port that got another master meanwhile, and an interface
// that never was a port.
func TestPortsOf(t *testing.T) {
	add := alone(t)
	bridge, other := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "sp-1"}}, &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "other"}}
	add(bridge)
	add(other)
	for name, master := range map[string]int{"kept": bridge.Index, "moved": bridge.Index, "foreign": 0} {
		add(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: name, MasterIndex: master}, PeerName: name + "-peer"})
	}
	remove := portsOf("sp-1")
	moved, err := netlink.LinkByName("moved")
	if err == nil {
		err = netlink.LinkSetMaster(moved, other)
	}
	if err != nil {
		t.Fatal(err)
	}
	remove() // the bridge is still there
	if _, err := netlink.LinkByName("kept"); err != nil {
		t.Errorf("a port of a bridge that is there: %v", err)
	}
	if err := netlink.LinkDel(bridge); err != nil {
		t.Fatal(err)
	}
	remove()
	for name, stays := range map[string]bool{"kept": false, "kept-peer": false, "moved": true, "foreign": true} {
		if _, err := netlink.LinkByName(name); (err == nil) != stays {
			t.Errorf("%s: there is %v, want %v", name, err == nil, stays)
		}
	}
}
