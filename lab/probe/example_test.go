package probe_test

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"skidpad.dev/skidpad/lab/loss"
	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/probe"
)

// A client sends 1000 datagrams a second. Lab.Node returns the client, and Lab.Resolve the addresses of a target.
func Example() {
	measure := func(ctx context.Context, client node.Node, at []netip.AddrPort) ([]probe.Result, error) {
		rec, err := probe.Run(ctx, client, probe.Flow{Targets: at, Proto: record.UDP, Rate: 1000, Duration: 5 * time.Second})
		if err != nil {
			return nil, err
		}
		return probe.Results("client", "loadBalancer/echo", rec, loss.Options{}), nil
	}
	_ = measure

	ref, err := probe.ParseRef("nodePort/echo@worker")
	fmt.Println(ref.Kind, ref.Workload, ref.Node, err)
	_, err = probe.ParseRef("nodePort/echo@")
	fmt.Println(err)
	// Output:
	// nodePort echo worker <nil>
	// target "nodePort/echo@": no node after @; wanted nodePort/W@NODE, or nodePort/W for every node
}
