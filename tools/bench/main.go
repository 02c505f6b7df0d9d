// Command bench measures `skidpad up` against a plain script and a bare `kind create cluster`, with all images present:
// the time from an empty machine to the first answer of the LoadBalancer IP at the client, and the processor seconds of
// each part. The ways run in turn, so noise of the machine falls on all of them. Command bench prints medians, spread and
// ratios, as a table or as JSON, beside the figures of the last commit in record.json.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"sigs.k8s.io/yaml"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/host"
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/image/build"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
	"skidpad.dev/skidpad/lab/wait"
)

const (
	scenarioFile = "scenarios/cilium-bgp-vrrp/scenario.yaml"
	labName      = "bench"
	oursName     = "skidpad up"
)

// way is one way to bring a cluster up, and to take the cluster down.
type way struct {
	name, prefix string
	up, down     *exec.Cmd
}

func main() {
	runs := flag.Int("runs", 5, "number of runs of each way")
	plainRuns := flag.Int("plain", -1, "number of runs of the plain script, the slowest way; default: as the other ways")
	leverRuns := flag.Int("levers", 0, "number of runs without each lever, in the last rounds")
	asJSON := flag.Bool("json", false, "print the record as JSON")
	sizes := flag.String("scale", "", "measure how labs grow: labs of routers alone, of these sizes such as 2,20,200 (1: these), then services")
	keep := flag.Bool("record", false, "write the record to "+recordFile+" after each way")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if *sizes != "" {
		exit(benchScale(ctx, *sizes, *asJSON))
		return
	}
	if *plainRuns < 0 {
		*plainRuns = *runs
	}
	r, err := bench(ctx, *runs, *plainRuns, *leverRuns, func(r *record) error {
		if *keep {
			return r.write()
		}
		return nil
	})
	if err == nil {
		err = r.print(os.Stdout, *asJSON)
	}
	exit(err)
}

// exit ends the process after an error.
func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench runs all ways in turn, and calls done after each way.
func bench(ctx context.Context, runs, plainRuns, leverRuns int, done func(*record) error) (*record, error) {
	s, err := scenario.Load(scenarioFile, lab.Kinds())
	if err != nil {
		return nil, err
	}
	p, images, err := prepare(ctx, s)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "skidpad-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	env, err := plainEnv(ctx, dir, p, images)
	if err != nil {
		return nil, err
	}
	eng, err := docker.Connect(ctx)
	if err != nil {
		return nil, err
	}
	m := &meter{engine: eng}
	r, err := newRecord(ctx)
	if err != nil {
		return nil, err
	}
	for i := range runs {
		for _, way := range waysOf(ctx, env, i >= runs-leverRuns) {
			if way.name == "plain script" && i >= plainRuns {
				continue
			}
			fmt.Fprintf(os.Stderr, "run %d of %d: %s\n", i+1, runs, way.name)
			up, err := m.run(ctx, way.up, way.prefix, func(ctx context.Context, since time.Time) time.Duration {
				if !strings.HasPrefix(way.name, oursName) {
					return 0 // the script ends at the first answer
				}
				return poll(ctx, since, p.Clients[0].Container, firstVIP(p))
			})
			if err != nil {
				return nil, errors.Join(err, way.down.Run())
			}
			down, err := m.run(ctx, way.down, way.prefix, nil)
			if err != nil {
				return nil, err
			}
			r.add(way.name, up)
			r.add(way.name+": down", down)
			if err := done(r); err != nil {
				return nil, err
			}
		}
	}
	return r, nil
}

// waysOf lists the ways of a round, with a bring-up without each lever if levers is set.
func waysOf(ctx context.Context, env []string, levers bool) []way {
	ways := []way{
		{"plain script", "skidpad-plain", script(ctx, env, "up"), script(ctx, env, "down")},
		{"bare kind", "skidpad-plain", script(ctx, env, "bare"), script(ctx, env, "down")},
		{oursName, "skidpad-" + labName, ours(ctx, "up", "--name", labName), ours(ctx, "down", "--name", labName)},
	}
	if !levers {
		return ways
	}
	for _, l := range lab.Levers() {
		ways = append(ways, way{oursName + " --without " + l.Name, "skidpad-" + labName, ours(ctx, "up", "--name", labName, "--without", l.Name), ours(ctx, "down", "--name", labName)})
	}
	return ways
}

// script is a verb of the plain script.
func script(ctx context.Context, env []string, verb string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "tools/bench/plain.sh", verb)
	cmd.Env = append(os.Environ(), env...)
	return cmd
}

// ours is a verb of skidpad.
func ours(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "bin/skidpad", args...)
}

// firstVIP is the first address of the first pool.
func firstVIP(p *plan.Plan) string {
	_, pools := p.Scenario.Spec.Addons[0].Pools()
	return pools[0].CIDR.Masked().Addr().Next().String()
}

// prepare provides all images, the plain way's too, and a plan with free subnets.
func prepare(ctx context.Context, s *scenario.Scenario) (*plan.Plan, map[string]image.Resolved, error) {
	if err := host.EnsureEngine(ctx, func(t string) { fmt.Fprintln(os.Stderr, t) }); err != nil {
		return nil, nil, err
	}
	eng, err := docker.Connect(ctx)
	if err != nil {
		return nil, nil, err
	}
	p, err := lab.Draft(ctx, lab.Options{Name: labName, Scenario: s})
	if err != nil {
		return nil, nil, err
	}
	store := image.New(eng, lab.Images()...)
	images, err := store.Ensure(ctx, p.Images, image.Auto, func(image.Event) {})
	if err != nil {
		return nil, nil, err
	}
	// The plain way's node image has the content of kind's own image, and gets Cilium loaded.
	node := p.Cluster.Image
	node.Preload = nil
	plain, err := store.Ensure(ctx, []plan.Image{node}, image.Auto, func(image.Event) {})
	if err != nil {
		return nil, nil, err
	}
	images[node.Key()] = plain[node.Key()]
	return p, images, nil
}

// plainEnv builds the plain script's clients, and returns the script's environment.
func plainEnv(ctx context.Context, dir string, p *plan.Plan, images map[string]image.Resolved) ([]string, error) {
	for name, pkg := range map[string]string{"kind": "sigs.k8s.io/kind", "helm": "helm.sh/helm/v3/cmd/helm"} {
		if out, err := exec.CommandContext(ctx, "go", "build", "-C", "tools/bench/clients", "-o", filepath.Join(dir, name), pkg).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("build %s: %w\n%s", pkg, err, out)
		}
	}
	chart := p.Addon("cilium").Chart
	found, err := exec.CommandContext(ctx, "go", "mod", "download", "-json", chart.Module+"@v"+chart.Version).Output()
	if err != nil {
		return nil, fmt.Errorf("chart of Cilium: %w", err)
	}
	var module struct{ Dir string }
	if err := json.Unmarshal(found, &module); err != nil {
		return nil, fmt.Errorf("chart of Cilium: %w", err)
	}
	config, err := plainKind(p, images[p.Cluster.Image.Key()].Labels)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "kind.yaml")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		return nil, err
	}
	env := []string{
		"KIND=" + filepath.Join(dir, "kind"), "HELM=" + filepath.Join(dir, "helm"), "KIND_CONFIG=" + file,
		"CHART=" + filepath.Join(module.Dir, "install", "kubernetes", "cilium"),
		fmt.Sprintf("PRIVILEGED=%v", chart.Values["securityContext"] != nil),
		"NODE=" + images[p.Cluster.Image.Key()].Ref,
	}
	for name, i := range images {
		short, _, _ := strings.Cut(name, "@")
		if v := map[string]string{"cilium": "CILIUM", "cilium-operator": "OPERATOR"}[short]; v != "" {
			env = append(env, v+"="+i.Ref)
		} else if short != "node" {
			env = append(env, strings.ToUpper(short)+"="+i.Ref)
		}
	}
	for _, n := range p.Networks {
		env = append(env, "SUBNET_"+strings.ToUpper(n.Name)+"="+strings.TrimSuffix(n.Subnet.Masked().Addr().String(), ".0"))
	}
	return env, nil
}

// plainKind returns the kind configuration of the plain way: the plan's own, with image names if the node image is not
// kind's published image. The configuration lacks everything that makes skidpad's bring-up faster.
func plainKind(p *plan.Plan, labels map[string]string) ([]byte, error) {
	config := map[string]any{}
	if err := yaml.Unmarshal([]byte(p.Cluster.KindConfig), &config); err != nil {
		return nil, err
	}
	if repository := labels[build.LabelKubeadmRepository]; repository != "" {
		patches, _ := config["kubeadmConfigPatches"].([]any)
		config["kubeadmConfigPatches"] = append(patches, fmt.Sprintf("kind: ClusterConfiguration\nimageRepository: %s\netcd: {local: {imageTag: %s}}\ndns: {imageTag: %s}\n",
			repository, labels[build.LabelKubeadmEtcdTag], labels[build.LabelKubeadmCoreDNSTag]))
	}
	return yaml.Marshal(config)
}

// poll sends requests from the client to the LoadBalancer IP until an answer comes, also before the client is there.
// poll returns 0 if ctx ends first. The requests come from a single loop in the client: a command of the engine for each
// request took seconds of processor time, which counted as the lab's.
func poll(ctx context.Context, start time.Time, client, vip string) time.Duration {
	loop := "until curl -sf -m 1 -o /dev/null http://" + vip + "/; do sleep 0.2; done"
	err := wait.Until(ctx, wait.For{What: vip + " answers", Every: time.Second}, func(ctx context.Context) error {
		return exec.CommandContext(ctx, "docker", "exec", client, "sh", "-c", loop).Run()
	})
	if err != nil {
		return 0
	}
	return time.Since(start)
}
