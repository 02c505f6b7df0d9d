package lab_test

import (
	"context"
	"fmt"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/scenario"
)

// A scenario becomes a lab. Draft shows the plan and needs no engine; Up makes the lab, Open finds the lab again, and Down
// removes the lab.
func Example() {
	s, err := scenario.Load("../scenarios/frr-bfd/scenario.yaml", lab.Kinds())
	if err != nil {
		panic(err)
	}
	p, err := lab.Draft(context.Background(), lab.Options{Scenario: s})
	if err != nil {
		panic(err)
	}
	for _, place := range p.Places() {
		fmt.Println(place.Name, place.Container)
	}

	run := func(ctx context.Context) error {
		l, err := lab.Up(ctx, lab.Options{Scenario: s, Name: "mine"})
		if err != nil {
			return err
		}
		st, err := l.Status(ctx)
		if err != nil {
			return err
		}
		fmt.Println(st.Healthy, st.Problems)
		_, err = lab.Down(ctx, "mine")
		return err
	}
	_ = run
	// Output:
	// r1 skidpad-frr-bfd-r1
	// r2 skidpad-frr-bfd-r2
	// r3 skidpad-frr-bfd-r3
	// client skidpad-frr-bfd-client
	// server skidpad-frr-bfd-server
}
