package probe

import (
	"sync"
	"time"
)

// Source ports of single attempts. A node keeps the state of a flow for about a minute. With direct server
// return, a second flow from the same port to the same pod via another of the pod's addresses still looks like
// the first flow to the pod's node: the node answers from the first address, and the client drops the answer.
// Kernels often choose one port for several destinations, so attempts choose their own ports, in turn.
const (
	// The range lies above the ports of kubelets, agents and control planes, and below the node ports and the
	// kernel's own choices. Nodes may not send from node ports.
	firstPort, lastPort = 11000, 29999
	// portsPerSecond sets the first port of programs that start one after another. A program then continues port
	// by port, because a node was seen to keep the state of a UDP flow longer than the clock's turn of 76 s.
	portsPerSecond = 250
)

// portTurn assigns ports. The clock sets a program's first port in the range, so the next program begins at
// another port.
type portTurn struct {
	mu   sync.Mutex
	next int64 // 0 until the first port is taken; starts at the clock's port, and advances by the ports taken
	now  func() time.Time
}

var turn = portTurn{now: time.Now} //nolint:gochecknoglobals // the source ports of a program's attempts are one range

// take returns the first of n consecutive ports.
func (t *portTurn) take(n int) int {
	const span = lastPort - firstPort + 1
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.next == 0 {
		t.next = t.now().UnixMilli() * portsPerSecond / 1000
	}
	if at := t.next % span; at+int64(n) > span { // the n ports would not fit before the end
		t.next += span - at
	}
	first := firstPort + int(t.next%span)
	t.next += int64(n)
	return first
}
