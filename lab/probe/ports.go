package probe

import (
	"sync"
	"time"
)

// Source ports of single attempts. A node keeps what it knows of a flow for a minute or so. With direct server return, a flow
// from the same port to the same pod by way of another of its addresses is, to the pod's node, still the first flow: it answers
// from the first address, and the client drops that. Kernels gladly choose one port for several destinations, so attempts
// bring their own, in turn.
const (
	// The range lies above what kubelets, agents and control planes listen on, and below the node ports, which nodes may not
	// send from, and the ports that kernels choose.
	firstPort, lastPort = 11000, 29999
	// portsPerSecond says where programs begin that start one after another. A program itself goes on port by port: what a node
	// knows of a UDP flow was seen to last longer than the 76 s in which the clock goes round.
	portsPerSecond = 250
)

// portTurn gives ports out. The clock says where in the range a program begins, so that the next one does not begin where it did.
type portTurn struct {
	mu   sync.Mutex
	next int64 // 0 until the first is taken; it starts where the clock is, and goes on by what is taken
	now  func() time.Time
}

var turn = portTurn{now: time.Now} //nolint:gochecknoglobals // the source ports of a program's attempts are one range

// take returns the first of n ports in a row.
func (t *portTurn) take(n int) int {
	const span = lastPort - firstPort + 1
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.next == 0 {
		t.next = t.now().UnixMilli() * portsPerSecond / 1000
	}
	if at := t.next % span; at+int64(n) > span { // they would not fit before the end
		t.next += span - at
	}
	first := firstPort + int(t.next%span)
	t.next += int64(n)
	return first
}
