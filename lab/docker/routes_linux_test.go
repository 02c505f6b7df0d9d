package docker

import (
	"runtime"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// TestFreeLink runs in a network namespace of its own; the namespace ends with the test's thread.
func TestFreeLink(t *testing.T) {
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skip("this user may make no network namespace: ", err)
	}
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "sp-1"}}
	add := func(l netlink.Link) {
		t.Helper()
		if err := netlink.LinkAdd(l); err != nil {
			t.Fatal(err)
		}
	}
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
