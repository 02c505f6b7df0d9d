// Command bench times `skidpad up` against a plain script, from an empty machine to the first answer of the
// LoadBalancer IP at the client, with all images present. Both ways run several times in turn. Command bench prints the
// medians and their ratio.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
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
)

func main() {
	runs := flag.Int("runs", 3, "number of runs of each way")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := bench(ctx, *runs, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1) //nolint:gocritic // stop has nothing to do in a process that ends
	}
}

// bench runs both ways in turn, so noise of the machine falls on both.
func bench(ctx context.Context, runs int, w io.Writer) error {
	s, err := scenario.Load(scenarioFile, lab.Kinds())
	if err != nil {
		return err
	}
	p, images, err := prepare(ctx, s)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "skidpad-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	env, err := plainEnv(ctx, dir, p, images)
	if err != nil {
		return err
	}
	var plain, ours []time.Duration
	for i := range runs {
		fmt.Fprintf(w, "run %d of %d: plain script\n", i+1, runs)
		d, err := timePlain(ctx, env)
		if err != nil {
			return err
		}
		plain = append(plain, d)
		fmt.Fprintf(w, "run %d of %d: skidpad up\n", i+1, runs)
		if d, err = timeOurs(ctx, p); err != nil {
			return err
		}
		ours = append(ours, d)
	}
	fmt.Fprintf(w, "\n%-14s %v  median %.1f s\n", "plain script", seconds(plain), median(plain).Seconds())
	fmt.Fprintf(w, "%-14s %v  median %.1f s\n", "skidpad up", seconds(ours), median(ours).Seconds())
	fmt.Fprintf(w, "ratio %.2f\n", median(ours).Seconds()/median(plain).Seconds())
	return nil
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

func timePlain(ctx context.Context, env []string) (time.Duration, error) {
	run := func(verb string) error {
		cmd := exec.CommandContext(ctx, "tools/bench/plain.sh", verb)
		cmd.Env = append(os.Environ(), env...)
		cmd.Stderr = os.Stderr
		return cmd.Run()
	}
	if err := run("down"); err != nil {
		return 0, err
	}
	start := time.Now()
	err := run("up")
	took := time.Since(start)
	return took, errors.Join(err, run("down"))
}

// timeOurs times `skidpad up` to the first answer of the LoadBalancer IP. The answer may come before `skidpad up` ends.
func timeOurs(ctx context.Context, p *plan.Plan) (time.Duration, error) {
	run := func(args ...string) error {
		cmd := exec.CommandContext(ctx, "bin/skidpad", args...)
		cmd.Stderr = os.Stderr
		return cmd.Run()
	}
	if err := run("down", "--name", labName); err != nil {
		return 0, err
	}
	start := time.Now()
	pollCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	first := make(chan time.Duration, 1)
	_, pools := p.Scenario.Spec.Addons[0].Pools()
	vip := pools[0].CIDR.Masked().Addr().Next()
	go func() { first <- poll(pollCtx, start, p.Clients[0].Container, vip.String()) }()
	if err := run("up", "--name", labName); err != nil {
		return 0, err
	}
	returned := time.Since(start)
	late, end := context.WithTimeout(ctx, 5*time.Second)
	defer end()
	var took time.Duration
	select {
	case took = <-first:
	case <-late.Done():
		return 0, fmt.Errorf("skidpad up returned, and %s does not answer the client", vip)
	}
	fmt.Printf("       first answer after %.1f s, up and checked after %.1f s\n", took.Seconds(), returned.Seconds())
	return took, run("down", "--name", labName)
}

// poll sends requests from the client to the LoadBalancer IP until an answer comes, also before the client is there.
// poll returns 0 if ctx ends first.
func poll(ctx context.Context, start time.Time, client, vip string) time.Duration {
	err := wait.Until(ctx, wait.For{What: vip + " answers"}, func(ctx context.Context) error {
		return exec.CommandContext(ctx, "docker", "exec", client, "curl", "-sf", "-m", "1", "-o", "/dev/null", "http://"+vip+"/").Run()
	})
	if err != nil {
		return 0
	}
	return time.Since(start)
}

func median(d []time.Duration) time.Duration {
	d = slices.Clone(d)
	slices.Sort(d)
	return d[len(d)/2]
}

func seconds(d []time.Duration) string {
	var s []string
	for _, x := range d {
		s = append(s, fmt.Sprintf("%.1f", x.Seconds()))
	}
	return strings.Join(s, " ")
}
