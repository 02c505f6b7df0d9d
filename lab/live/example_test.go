package live_test

import (
	"fmt"

	"skidpad.dev/skidpad/lab/live"
	"skidpad.dev/skidpad/lab/plan"
)

// Package lab finds a running lab; the lab's plan knows every node by name.
func Example() {
	l := live.New(nil, &plan.Plan{Lab: "small", Routers: []plan.Router{{Name: "r1", Container: "skidpad-small-r1"}}}, nil, map[string]string{"hubble": ""})
	fmt.Println(l.Names())
	fmt.Println(l.Container("r1"))
	_, err := l.Container("r2")
	fmt.Println(err)
	fmt.Println(l.Notes())
	// Output:
	// [r1]
	// skidpad-small-r1 <nil>
	// lab small has no node "r2"; it has: r1
	// [hubble is left out: its images cannot be had]
}
