package wire

import (
	"time"

	"github.com/vishvananda/netlink"
)

// rootHandle is the handle of our queues: 5d:.
const rootHandle = 0x5d

// Ours reports whether a queue is ours.
func Ours(q netlink.Qdisc) bool { return q.Attrs().Handle>>16 == rootHandle }

// Sending is the wanted rate and delay of an interface; the zero value is an interface without a fault.
type Sending struct {
	Rate          uint64 // bytes a second; 0 is unlimited
	Delay, Jitter time.Duration
	// Corrupt and Reorder are shares of packets in per cent.
	Corrupt, Reorder float64
}
