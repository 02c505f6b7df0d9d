package bringup

import (
	"context"
	"errors"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"skidpad.dev/skidpad/lab/addon"
	"skidpad.dev/skidpad/lab/cluster"
	"skidpad.dev/skidpad/lab/cluster/existing"
	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/fault"
	"skidpad.dev/skidpad/lab/live"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/probe"
	"skidpad.dev/skidpad/lab/scenario"
)

// Settle looks at the running cluster of a scenario, before any plan, and returns the options with the scenario on that
// cluster. known are the facts of an existing lab, which count again; nil for a new lab. Other scenarios stay as they are.
func Settle(ctx context.Context, eng *docker.Engine, o Options, known *plan.Found) (Options, error) {
	c := o.Scenario.Spec.Cluster
	if c == nil || !c.Unseen() {
		return o, nil
	}
	f := known
	if f == nil {
		if !eng.Local() {
			return o, fmt.Errorf("%s: seen an engine on another machine (%s), want the engine of this machine for provider existing", c.Running(), eng.Client.DaemonHost())
		}
		var err error
		if f, err = look(ctx, eng, o); err != nil {
			return o, err
		}
	}
	on, err := o.Scenario.On(f.Facts)
	if err != nil {
		return o, err
	}
	o.Scenario, o.found = on, f
	return o, nil
}

// look finds the cluster, its programs, and obstacles that validation cannot know.
func look(ctx context.Context, eng *docker.Engine, o Options) (*plan.Found, error) {
	spec := &o.Scenario.Spec
	f, kube, err := existing.Look(ctx, eng, spec.Cluster)
	if err != nil {
		return nil, err
	}
	routers := map[string]string{}
	if f.Network != nil {
		if err := attachable(f, spec, routers); err != nil {
			return nil, err
		}
	} else if len(spec.Workloads) > 0 {
		return nil, fmt.Errorf("%s: seen %s, want nodes that are containers of this engine: the image of workload %s must be put into the nodes", spec.Cluster.Running(), f.Why, spec.FirstWorkload())
	}
	if err := addon.Learn(ctx, kube, o.Scenario.Kinds(), f, func(address string) string { return routers[address] }); err != nil {
		return nil, fmt.Errorf("%s: %w", spec.Cluster.Running(), err)
	}
	o.found = f
	if err := alone(ctx, eng, o); err != nil { // before free: the other lab's workloads have the same names
		return nil, err
	}
	return f, free(ctx, kube, spec, o.Name)
}

// attachable chooses the addresses of the lab on the nodes' network, and lists the routers by address.
func attachable(f *plan.Found, spec *scenario.Spec, routers map[string]string) error {
	i := slices.IndexFunc(spec.Networks, func(n scenario.Network) bool { return n.Name == spec.Cluster.Network })
	places, err := f.Places(spec.Networks[i].IPv4)
	if err != nil {
		return err
	}
	for a, name := range plan.RoutersAt(spec, places, f.Network.Subnet6) {
		routers[a.String()] = name
	}
	return nil
}

// free reports objects of the user's with the names of the lab's workloads.
func free(ctx context.Context, kube *cluster.Kube, spec *scenario.Spec, lab string) error {
	for _, w := range spec.Workloads {
		if w.Echo == nil {
			continue
		}
		_, err1 := kube.Client.AppsV1().Deployments(metav1.NamespaceDefault).Get(ctx, w.Echo.Name, metav1.GetOptions{})
		_, err2 := kube.Client.CoreV1().Services(metav1.NamespaceDefault).Get(ctx, w.Echo.Name, metav1.GetOptions{})
		for kind, err := range map[string]error{"Deployment": err1, "Service": err2} {
			switch {
			case err == nil:
				return fmt.Errorf("%s: seen %s default/%s in the cluster, want another name for the workload of lab %s: objects of the cluster stay as they are", spec.Cluster.Running(), kind, w.Echo.Name, lab)
			case !apierrors.IsNotFound(err):
				return fmt.Errorf("%s: %s default/%s: %w", spec.Cluster.Running(), kind, w.Echo.Name, err)
			}
		}
	}
	return nil
}

// alone reports another lab on the same cluster.
func alone(ctx context.Context, eng *docker.Engine, o Options) error {
	labs, err := eng.Labs(ctx)
	if err != nil {
		return err
	}
	for _, name := range labs {
		if name == o.Name {
			continue
		}
		other, err := Find(ctx, eng, name, o.Scenario.Kinds())
		if err != nil || other == nil || other.Plan.Found == nil {
			continue // a lab without a record, or with a cluster of its own
		}
		if other.Plan.Found.Name == o.found.Name && other.Plan.Found.Nodes[0].Name == o.found.Nodes[0].Name {
			return fmt.Errorf("cluster %s: seen lab %s on it, want one lab at a time on a running cluster: skidpad down --name %[2]s", o.found.Name, name)
		}
	}
	return nil
}

// Remove removes a lab's parts from the engine. Remove first takes everything of the lab out of a cluster that stays. If
// the cluster cannot be left as it was, the lab stays, because the lab's record is needed for the next try.
func Remove(ctx context.Context, eng *docker.Engine, name string, kinds scenario.Kinds) ([]string, error) {
	l, err := Find(ctx, eng, name, kinds)
	if err == nil && l != nil && l.Plan.Cluster.Exists() { // a lab without a readable record is removed by its labels
		if err := leave(ctx, l); err != nil {
			return nil, fmt.Errorf("lab %s: %w\nthe lab stays for another `skidpad down --name %s`", name, err, name)
		}
	}
	return eng.Remove(ctx, name)
}

// leave undoes the faults in force, and takes everything of the lab out of the cluster.
func leave(ctx context.Context, l *live.Lab) error {
	dir, err := live.Dir(l.Plan.Lab)
	if err != nil {
		return err
	}
	nodes, err := l.Engine().Named(ctx, l.Plan.Foreign()...)
	if err != nil {
		return err
	}
	if len(nodes) == 0 && l.Plan.Found.Network != nil {
		return nil // the cluster is gone, with everything of the lab in the cluster
	}
	own, err := l.Engine().Containers(ctx, l.Plan.Lab)
	if err != nil {
		return err
	}
	var faults error
	if len(own) > 0 || l.Plan.Found.Network == nil { // beside nodes of this engine, a lab without containers has had no faults
		_, faults = fault.New(l.Engine(), l.Plan, dir, fault.KubeAt(l.Engine(), l.Plan, dir), nil).ClearAll(ctx)
	}
	kubeconfig, err := l.Kubeconfig()
	if err != nil {
		return err
	}
	c := existing.New(l.Engine(), l.Plan, l.Images(), kubeconfig)
	if err := errors.Join(faults, c.Leave(ctx, probe.Program)); err != nil {
		return err
	}
	by := addon.With[addon.Leaver](&l.Plan.Scenario.Spec)
	if by == nil || len(l.Plan.Workloads) == 0 {
		return nil
	}
	kube, err := c.Open(ctx)
	if err != nil {
		return err
	}
	return by.Leave(ctx, kube, l.Plan.Lab)
}
