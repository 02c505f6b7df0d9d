package fault_test

import (
	"context"
	"fmt"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/fault"
	"skidpad.dev/skidpad/lab/timeline"
)

// A link goes down and comes up again; all events go to a timeline. Close undoes the remaining faults.
func Example() {
	flip := func(ctx context.Context, l *lab.Lab, events *timeline.Timeline) (err error) {
		in, err := fault.On(l, events)
		if err != nil {
			return err
		}
		defer func() { err = in.Close(ctx) }()
		down, err := in.Inject(ctx, &fault.LinkDown{Node: "r1", Network: "middle"})
		if err != nil {
			return err
		}
		return down.Clear(ctx)
	}
	_ = flip

	f, err := fault.Find(lab.Kinds().Faults, "linkDown")
	if err != nil {
		panic(err)
	}
	fmt.Println("linkDown:", f.About().What)
	for _, o := range fault.Options(f) {
		fmt.Printf("  --%s  %s\n", o.Name, o.Help)
	}
	fmt.Println(&fault.LinkDown{Node: "r1", Network: "middle"})
	// Output:
	// linkDown: its link on a network down
	//   --network  on this network only
	//   --link  this link of the network's bond only, counted from 1
	//   --for  undo the fault after this time
	// link middle of r1 down
}
