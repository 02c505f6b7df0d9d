package bringup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/moby/moby/client"

	"skidpad.dev/skidpad/lab/agent"
	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/fault"
	"skidpad.dev/skidpad/lab/live"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/wait"
)

// thawedWithin bounds the wait for the base state after a thaw. A kubelet reports its state every 10 s
// (nodeStatusUpdateFrequency of KubeletConfiguration), and needs two reports. A GoBGP speaker is idle for 5 s after the
// end of a hold time.
const thawedWithin = time.Minute

// Park freezes all containers of a lab: clients first, nodes last, so that no part observes the silence of another part for
// long. A frozen lab uses no processor time and keeps its memory. If a container cannot be frozen, Park thaws the others. A
// fault in force is an error, because the end of a fault needs running containers.
func Park(ctx context.Context, l *live.Lab) error {
	name := l.Plan.Lab
	containers, err := l.Engine().Containers(ctx, name)
	if err != nil || live.Parked(containers) {
		return err
	}
	if err := noFaults(ctx, l); err != nil {
		return fmt.Errorf("lab %s cannot be parked: %w", name, err)
	}
	if i := slices.IndexFunc(containers, func(c docker.Info) bool { return c.State != "running" && c.State != live.Frozen }); i >= 0 {
		return fmt.Errorf("lab %s cannot be parked: container %s is %s, not running; `skidpad up --name %s` completes the lab", name, containers[i].Name, containers[i].State, name)
	}
	order := thawOrder(l.Plan, containers)
	for _, c := range slices.Backward(order) {
		if c.State == live.Frozen {
			continue
		}
		if _, err := l.Engine().Client.ContainerPause(ctx, c.ID, client.ContainerPauseOptions{}); err != nil {
			return errors.Join(fmt.Errorf("lab %s: freezing container %s: %w", name, c.Name, err), thaw(context.WithoutCancel(ctx), l, all))
		}
	}
	return nil
}

// Thaw thaws the frozen containers of a lab and waits for the base state. A lab without frozen containers stays unchanged. A
// fault in force freezes containers, too: such a lab stays unchanged. After a minute without the base state, Thaw notes the
// problems and returns: the steps of the bring-up then repair the lab.
func Thaw(ctx context.Context, l *live.Lab, p Progress) error {
	containers, err := l.Engine().Containers(ctx, l.Plan.Lab)
	if err != nil {
		return err
	}
	frozen := slices.DeleteFunc(containers, func(c docker.Info) bool { return c.State != live.Frozen })
	if len(frozen) == 0 {
		return nil
	}
	// Only the agent knows the faults of another machine's lab.
	if err := thaw(ctx, l, func(c docker.Info) bool { return c.Role == agent.Role }); err != nil || noFaults(ctx, l) != nil {
		return err
	}
	step := plan.Step{Name: "thaw", What: fmt.Sprintf("%d containers of the parked lab, up to the base state", len(frozen))}
	return run(ctx, step, func(ctx context.Context, note func(string)) error {
		if err := thaw(ctx, l, all); err != nil {
			return err
		}
		err := wait.Until(ctx, wait.For{What: "the base state after the thaw", Within: thawedWithin, Every: 100 * time.Millisecond}, l.Base)
		if err != nil && ctx.Err() == nil {
			note(fmt.Sprintf("%v; the steps repair the lab", err))
			return nil
		}
		return err
	}, p)
}

func all(docker.Info) bool { return true }

// thaw thaws some of the frozen containers.
func thaw(ctx context.Context, l *live.Lab, chosen func(docker.Info) bool) error {
	containers, err := l.Engine().Containers(ctx, l.Plan.Lab)
	errs := []error{err}
	for _, c := range thawOrder(l.Plan, containers) {
		if c.State != live.Frozen || !chosen(c) {
			continue
		}
		if _, err := l.Engine().Client.ContainerUnpause(ctx, c.ID, client.ContainerUnpauseOptions{}); err != nil {
			errs = append(errs, fmt.Errorf("lab %s: thawing container %s: %w", l.Plan.Lab, c.Name, err))
		}
	}
	return errors.Join(errs...)
}

// thawOrder sorts the containers of a lab: the agent and the holders of network namespaces, then as in plan.Places, so
// nodes, routers, gateways with the highest priority first, clients. A gateway's backup then hears the master before the
// backup's own timer runs.
func thawOrder(p *plan.Plan, containers []docker.Info) []docker.Info {
	places := p.Places().Containers()
	return slices.SortedStableFunc(slices.Values(containers), func(a, b docker.Info) int {
		return cmp.Compare(slices.Index(places, a.Name), slices.Index(places, b.Name))
	})
}

// noFaults returns an error that names the faults in force.
func noFaults(ctx context.Context, l *live.Lab) error {
	in, err := fault.On(l, nil)
	if err != nil {
		return err
	}
	list, err := in.List(ctx)
	if err != nil || len(list) == 0 {
		return err
	}
	return fmt.Errorf("fault %s (%s) is in force; `skidpad fault clear --name %s %s` ends the fault", list[0].ID, list[0].Fault, l.Plan.Lab, list[0].ID)
}
