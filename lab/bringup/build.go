package bringup

import (
	"context"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"skidpad.dev/skidpad/lab/addon"
	"skidpad.dev/skidpad/lab/cluster"
	"skidpad.dev/skidpad/lab/cluster/providers"
	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/live"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
	"skidpad.dev/skidpad/lab/wait"
)

// namesWithin bounds the wait for addresses from the running cluster, such as a load balancer's.
const namesWithin = 6 * time.Minute

// building is one walk over a lab's plan, with the data that the steps share.
type building struct {
	*live.Lab
	engine  *docker.Engine
	images  map[string]image.Resolved // by plan.Image.Key
	missing map[string]string         // the parts left out, and the reasons
	// networked is called when the networks exist and no other lab can get their subnets.
	networked func()
	cluster   cluster.Provider
	make      maker
	install   installer
}

// Resume walks the plan's steps of a partial lab. Each step finds the parts that already exist.
func Resume(ctx context.Context, l *live.Lab, o Options) error { return build(ctx, l, o, func() {}) }

// build walks the plan's steps.
func build(ctx context.Context, l *live.Lab, o Options, networked func()) error {
	b := &building{Lab: l, engine: l.Engine(), images: l.Images(), missing: l.Missing(), networked: networked}
	in := inEngine{b.engine, l.Plan, b.images}
	b.make, b.install = in, in
	if l.Plan.Cluster != nil {
		kubeconfig, err := l.Kubeconfig()
		if err != nil {
			return err
		}
		b.cluster = providers.New(b.engine, b.Plan, b.images, kubeconfig, func(text string) { o.Progress.Note(plan.StepCluster, text) })
	}
	return walk(ctx, l.Plan.Lab, l.Plan.Steps, b.actions(), o.Progress)
}

// actions binds the plan's steps to their actions.
func (b *building) actions() map[string]action {
	return map[string]action{
		plan.StepNetworks:   b.makeNetworks,
		plan.StepRouters:    b.startRouters,
		plan.StepGateways:   b.startGateways,
		plan.StepClients:    b.startClients,
		plan.StepContainers: b.startContainers,
		plan.StepCluster:    b.makeCluster,
		plan.StepCNI:        b.installCNI,
		plan.StepAddons:     b.installAddons,
		plan.StepWorkloads:  b.deploy,
		plan.StepManifests:  b.applyManifests,
		plan.StepReady:      b.ready,
	}
}

func (b *building) makeNetworks(ctx context.Context, _ func(string)) error {
	label, err := encode(kept{b.Plan, b.images, b.missing})
	if err != nil {
		return err
	}
	if b.Plan.Cluster.Exists() { // the record comes before the first change of the cluster, even without a network of the lab
		if err := b.make.Keep(ctx, b.Plan.Lab, map[string]string{planLabel: label}); err != nil {
			return err
		}
	}
	for _, n := range b.Plan.Bridges() {
		if n.Foreign {
			continue
		}
		if err := b.make.Network(ctx, n, map[string]string{planLabel: label}); err != nil {
			return err
		}
	}
	b.networked()
	return nil
}

// resolve finds, pulls or builds the images of a plan. The lab keeps the references: a later completion of the lab uses
// the same images, even if a build would give other images by then.
func resolve(ctx context.Context, eng *docker.Engine, p *plan.Plan, o Options) (images map[string]image.Resolved, missing map[string]string, err error) {
	step := p.Steps[slices.IndexFunc(p.Steps, func(s plan.Step) bool { return s.Name == plan.StepImages })]
	err = run(ctx, step, func(ctx context.Context, note func(string)) (err error) {
		images, err = image.New(eng, Catalogue(p.Scenario.Kinds())...).Ensure(ctx, p.Images, o.Images, func(e image.Event) { note(sentence(e)) })
		if err != nil {
			return err
		}
		missing, err = resolveParts(ctx, eng, p, o, images, note)
		return err
	}, o.Progress)
	return images, missing, err
}

// sentence returns an image event as a sentence for people.
func sentence(e image.Event) string {
	text := fmt.Sprintf("%s: %s %s", e.What, e.Status, e.Detail)
	if e.Elapsed >= time.Second {
		text += fmt.Sprintf(" (%.0fs)", e.Elapsed.Seconds())
	}
	return text
}

// image returns the resolved reference of an image of the plan. All references are known before the walk.
func (b *building) image(i plan.Image) (image.Resolved, error) {
	r, ok := b.images[i.Key()]
	if !ok {
		return r, fmt.Errorf("lab bug: image %s was not resolved", i.Key())
	}
	return r, nil
}

func (b *building) startRouters(ctx context.Context, _ func(string)) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, r := range b.Plan.Routers {
		group.Go(func() error {
			img, err := b.image(r.Image)
			if err != nil {
				return err
			}
			return b.make.Router(ctx, r, img.Ref)
		})
	}
	return group.Wait()
}

func (b *building) startGateways(ctx context.Context, _ func(string)) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, g := range b.Plan.Gateways {
		group.Go(func() error {
			img, err := b.image(g.Image)
			if err != nil {
				return err
			}
			return b.make.Gateway(ctx, g, img.Ref)
		})
	}
	return group.Wait()
}

func (b *building) startClients(ctx context.Context, _ func(string)) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, c := range b.Plan.Clients {
		group.Go(func() error {
			img, err := b.image(c.Image)
			if err != nil {
				return err
			}
			return b.make.Client(ctx, c, img.Ref)
		})
	}
	return group.Wait()
}

func (b *building) startContainers(ctx context.Context, _ func(string)) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, c := range b.Plan.Containers {
		group.Go(func() error {
			img, err := b.image(c.Image)
			if err != nil {
				return err
			}
			host, err := b.image(c.Host.Image)
			if err != nil {
				return err
			}
			return b.make.Container(ctx, c, img.Ref, host.Ref)
		})
	}
	return group.Wait()
}

func (b *building) makeCluster(ctx context.Context, note func(string)) error {
	if f := b.Plan.Found; f != nil {
		for _, line := range f.Lines() {
			note(line)
		}
		return b.cluster.Create(ctx, image.Resolved{})
	}
	if err := b.make.Raise(len(b.Plan.Cluster.Nodes), note); err != nil {
		return err
	}
	img, err := b.image(b.Plan.Cluster.Image)
	if err != nil {
		return err
	}
	return b.cluster.Create(ctx, img)
}

// installCNI runs beside makeCluster: installCNI reads the charts while the nodes start, and applies the charts when the
// API answers.
func (b *building) installCNI(ctx context.Context, note func(string)) error {
	return b.installAll(ctx, true, note)
}

// installAddons runs beside makeCluster and installCNI.
func (b *building) installAddons(ctx context.Context, note func(string)) error {
	return b.installAll(ctx, false, note)
}

// installAll installs the CNI's addons or all other addons, one after the other.
func (b *building) installAll(ctx context.Context, cni bool, note func(string)) error {
	for _, a := range b.present() {
		if slices.Contains(a.Roles, scenario.RoleCNI) != cni {
			continue
		}
		planned, err := b.install.Addon(a, note)
		if err != nil {
			return err
		}
		if err := b.put(ctx, planned); err != nil {
			return err
		}
	}
	return nil
}

// put installs an addon as soon as the API answers.
func (b *building) put(ctx context.Context, a addon.Addon) error {
	if err := a.Prepare(ctx); err != nil {
		return err
	}
	kube, err := b.cluster.APIReady(ctx)
	if err != nil {
		return err
	}
	return a.Install(ctx, kube)
}

func (b *building) deploy(ctx context.Context, _ func(string)) error {
	for _, w := range b.Plan.Workloads {
		workload, err := b.install.Workload(w)
		if err != nil {
			return err
		}
		if err := b.put(ctx, workload); err != nil {
			return err
		}
	}
	return nil
}

// applyManifests applies the scenario's own objects, once the lab has the values of all names in the objects.
func (b *building) applyManifests(ctx context.Context, note func(string)) error {
	own := *b.Plan.Manifests
	own.Objects = slices.Clone(own.Objects)
	for i, o := range own.Objects {
		err := wait.Until(ctx, wait.For{What: o.At + ": the values of the names", Within: namesWithin, Every: time.Second}, func(ctx context.Context) (err error) {
			own.Objects[i].Text, err = b.Fill(ctx, o.Text)
			return err
		})
		if err != nil {
			return err
		}
	}
	planned, err := b.install.Addon(own, note)
	if err != nil {
		return err
	}
	return b.put(ctx, planned)
}

// ready waits until every addon in the cluster reports ready. Checks, not ready, judge the packets.
func (b *building) ready(ctx context.Context, _ func(string)) error {
	for _, c := range b.Plan.Containers { // a container may end long after its start
		if err := b.make.Await(ctx, c); err != nil {
			return err
		}
	}
	if b.cluster == nil {
		return nil
	}
	kube, err := b.cluster.APIReady(ctx)
	if err != nil {
		return err
	}
	addons, err := b.addons()
	if err != nil {
		return err
	}
	group, each := errgroup.WithContext(ctx)
	group.Go(func() error { return b.spreadProber(each) })
	for _, a := range addons {
		group.Go(func() error { return a.Ready(each, kube) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return kube.TakesPods(ctx)
}

// addons returns every addon installed into the cluster, workloads included.
func (b *building) addons() ([]addon.Addon, error) {
	var all []addon.Addon
	for _, a := range b.present() {
		planned, err := b.install.Addon(a, nil)
		if err != nil {
			return nil, err
		}
		all = append(all, planned)
	}
	for _, w := range b.Plan.Workloads {
		workload, err := b.install.Workload(w)
		if err != nil {
			return nil, err
		}
		all = append(all, workload)
	}
	return all, nil
}
