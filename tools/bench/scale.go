package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/host"
)

// scaleName is the name of the labs of a scale run.
const scaleName = "scale"

// maxRouters is the largest lab: a /31 for each link of a spine, in a /16, and an ASN of two bytes for each router.
const maxRouters = 400

// step is a lab of one size, with the cost of each verb.
type step struct {
	Routers int                `json:"routers"`
	Links   int                `json:"links"`
	Memory  float64            `json:"memory"` // MiB of the machine's memory that the lab takes
	Verbs   map[string]seconds `json:"verbs"`
}

// seconds are the times of a verb.
type seconds struct {
	Wall      float64 `json:"wall"`
	Processor float64 `json:"processor"` // of the command, the engine, and the lab's containers
}

// verbs are the measured verbs of a step, in order.
var verbs = [][]string{
	{"up"}, {"status", "--name", scaleName}, {"routes", "s1", "--name", scaleName},
	{"probe", "--name", scaleName, "--from", "client", "--to", "client/server", "--rate", "100", "--for", "1s"}, {"down", "--name", scaleName},
}

// benchScale measures and prints labs of the sizes in a list, and the steps of services. Steps before a failure are printed, too.
func benchScale(ctx context.Context, list string, asJSON bool) error {
	if list == "1" {
		list = "2,20,200"
	}
	var sizes []int
	for text := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil || n < 2 || n > maxRouters {
			return fmt.Errorf("-scale %q: want numbers from 2 to %d, with commas between", list, maxRouters)
		}
		sizes = append(sizes, n)
	}
	steps, err := scale(ctx, sizes)
	if err := errors.Join(err, printSteps(os.Stdout, steps, asJSON)); err != nil {
		return err
	}
	services := ours(ctx, "test", "many-services-steps")
	services.Stdout, services.Stderr = os.Stdout, os.Stderr
	if asJSON {
		services.Args = append(services.Args, "-o", "json")
	}
	return errors.Join(services.Run(), ours(context.WithoutCancel(ctx), "down", "--name", "many-services-steps").Run())
}

// scale measures labs of growing size: two spines, and leaves with a point-to-point link to each spine.
func scale(ctx context.Context, sizes []int) (steps []step, err error) {
	eng, err := docker.Connect(ctx)
	if err != nil {
		return nil, err
	}
	r := &meter{engine: eng}
	dir, err := os.MkdirTemp("", "skidpad-scale-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	for _, n := range sizes {
		file := filepath.Join(dir, fmt.Sprintf("routers-%d.yaml", n))
		text, links := fabric(n)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return steps, err
		}
		s := step{Routers: n, Links: links, Verbs: map[string]seconds{}}
		free := host.Available()
		before := map[string]time.Duration{}
		for _, args := range verbs {
			if args[0] == "up" {
				args = []string{"up", file, "--name", scaleName}
			}
			fmt.Fprintf(os.Stderr, "%d routers: %s\n", n, strings.Join(args, " "))
			m, err := r.run(ctx, ours(ctx, args...), "skidpad-"+scaleName, nil)
			if err != nil {
				return steps, errors.Join(err, ours(context.WithoutCancel(ctx), "down", "--name", scaleName).Run())
			}
			if args[0] == "up" {
				s.Memory = float64(free-host.Available()) / (1 << 20)
			}
			s.Verbs[args[0]] = seconds{m.Wall.Seconds(), grown(m.Parts, before).Seconds()}
		}
		steps = append(steps, s)
	}
	return steps, nil
}

// grown returns the processor time since before, and makes before the parts' counters. Containers count from their start; the
// command and the engine count anew for each command.
func grown(parts, before map[string]time.Duration) time.Duration {
	var sum time.Duration
	for part, d := range parts {
		sum += max(0, d-before[part])
		if part != "command" && part != "engine" {
			before[part] = d
		}
	}
	return sum
}

// fabric returns the scenario of n routers, at least two: spines s1 and s2 (with two routers, s1 alone), and leaves. Each leaf
// announces a prefix of its own. The client is behind the first leaf, the server behind the last.
func fabric(n int) (text string, links int) {
	spines := min(2, n-1)
	var networks, routers strings.Builder
	fmt.Fprintf(&networks, "    - {name: left, ipv4: 10.90.0.0/24}\n    - {name: right, ipv4: 10.90.1.0/24}\n")
	for s := 1; s <= spines; s++ {
		fmt.Fprintf(&routers, "    - name: s%d\n      networks: [%s]\n      bgp:\n        asn: %d\n        peers:\n", s, listed(spines+1, n, func(l int) string { return fmt.Sprintf("u%dx%d", s, l) }), 64600+s)
		for l := spines + 1; l <= n; l++ {
			fmt.Fprintf(&routers, "          - {router: l%d}\n", l)
			fmt.Fprintf(&networks, "    - {name: u%dx%d, ipv4: 10.%d.%d.%d/31, pointToPoint: true}\n", s, l, 90+s, l/128, l%128*2)
			links++
		}
	}
	for l := spines + 1; l <= n; l++ {
		var ends []string
		if l == spines+1 {
			ends = append(ends, "left")
		}
		if l == n {
			ends = append(ends, "right")
		}
		behind := strings.Join(ends, ", ")
		up := listed(1, spines, func(s int) string { return fmt.Sprintf("u%dx%d", s, l) })
		fmt.Fprintf(&routers, "    - name: l%d\n      networks: [%s]\n      bgp: {asn: %d, announce: [%s], announceStatic: [10.89.%d.%d/32], peers: [%s]}\n",
			l, join(up, behind), 65000+l, behind, l/256, l%256, listed(1, spines, func(s int) string { return fmt.Sprintf("{router: s%d}", s) }))
	}
	return fmt.Sprintf("apiVersion: skidpad.dev/v1alpha1\nkind: Scenario\nmetadata: {name: routers-%d}\nspec:\n  networks:\n%s  routers:\n%s  clients:\n    - {name: client, network: left, router: l%d}\n    - {name: server, network: right, router: l%d, echo: true}\n",
		n, networks.String(), routers.String(), spines+1, n), links
}

// listed joins the texts of the numbers from first to last.
func listed(first, last int, of func(int) string) string {
	var all []string
	for i := first; i <= last; i++ {
		all = append(all, of(i))
	}
	return strings.Join(all, ", ")
}

func join(texts ...string) string {
	var all []string
	for _, t := range texts {
		if t != "" {
			all = append(all, t)
		}
	}
	return strings.Join(all, ", ")
}

// printSteps prints the steps; the exponent is that of the growth since the step before: n times the routers take n to the
// exponent as long.
func printSteps(w io.Writer, steps []step, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(steps)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprint(t, "ROUTERS\tLINKS\tMEMORY MiB")
	for _, v := range verbs {
		fmt.Fprintf(t, "\t%s s\tprocessor s\texponent", v[0])
	}
	fmt.Fprintln(t)
	for i, s := range steps {
		fmt.Fprintf(t, "%d\t%d\t%.0f", s.Routers, s.Links, s.Memory)
		for _, v := range verbs {
			x, exponent := s.Verbs[v[0]], "-"
			if i > 0 {
				was := steps[i-1]
				exponent = fmt.Sprintf("%.1f", math.Log(x.Processor/was.Verbs[v[0]].Processor)/math.Log(float64(s.Routers)/float64(was.Routers)))
			}
			fmt.Fprintf(t, "\t%.1f\t%.1f\t%s", x.Wall, x.Processor, exponent)
		}
		fmt.Fprintln(t)
	}
	return t.Flush()
}
