// Command soak runs labs for a long time: a flow of 100 Hz through each lab, and a fault of the scenario's checks again and
// again. After each round, soak prints the events, the losses, and the memory and descriptors of this program, of the lab's
// agent, guards and probers. soak fails if a part grows, if a round lacks an event, or if an outage is longer than its bound.
//
//	go run ./tools/soak -for 8h -every 2m               frr-bfd, eight hours, a fault every two minutes
//	go run ./tools/soak -for 1h -labs 3 cilium-bgp-vrrp three labs side by side
//
// root needs no agent; a user of the engine's group measures the agent, too. A round with stalls of the machine is unknown.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/check"
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/loss"
	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/probe"
	"skidpad.dev/skidpad/lab/scenario"
	"skidpad.dev/skidpad/lab/timeline"
	"skidpad.dev/skidpad/lab/wait"
	"skidpad.dev/skidpad/lab/watch"
	"skidpad.dev/skidpad/scenarios"
)

// rate is the flow's, in datagrams a second.
const rate = 100

func main() {
	length := flag.Duration("for", 8*time.Hour, "length of the soak")
	every := flag.Duration("every", 2*time.Minute, "time from fault to fault")
	labs := flag.Int("labs", 1, "labs side by side")
	flag.Parse()
	name := "frr-bfd"
	if flag.NArg() > 0 {
		name = flag.Arg(0)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := soak(ctx, name, *length, *every, *labs)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

// soak runs the labs side by side, and takes the labs down.
func soak(ctx context.Context, name string, length, every time.Duration, labs int) error {
	var group errgroup.Group
	out := &lines{w: os.Stdout}
	for i := range labs {
		group.Go(func() (err error) {
			s, err := load(name)
			if err != nil {
				return err
			}
			r := &run{name: fmt.Sprintf("soak%d", i+1), every: every, out: out, kinds: map[string]int{}}
			defer func() {
				_, down := lab.Down(context.WithoutCancel(ctx), r.name)
				err = errors.Join(err, down)
			}()
			if r.lab, err = lab.Up(ctx, lab.Options{Name: r.name, Scenario: s, Images: image.Auto, Progress: quiet{}}); err != nil {
				return err
			}
			return r.soak(ctx, time.Now().Add(length))
		})
	}
	return group.Wait()
}

func load(name string) (*scenario.Scenario, error) {
	if strings.HasSuffix(name, ".yaml") {
		return scenario.Load(name, lab.Kinds())
	}
	return scenario.LoadFS(scenarios.FS, "scenarios", scenarios.File(scenarios.FS, name), lab.Kinds())
}

// run is the soak of one lab.
type run struct {
	name  string
	lab   *lab.Lab
	every time.Duration
	out   *lines

	mu    sync.Mutex
	kinds map[string]int // events of this round, by lane and kind
}

// Add counts an event.
func (r *run) Add(e timeline.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kinds[string(e.Lane)+"/"+e.Kind]++
}

// round is one round, judged.
type round struct {
	check   string
	verdict check.Verdict
	sent    int
	lost    int
	events  map[string]int
	samples map[string]sample
	wrong   []string
}

// soak runs rounds until the deadline, and judges all rounds together.
func (r *run) soak(ctx context.Context, deadline time.Time) error {
	checks := slices.DeleteFunc(check.Of(r.lab.Plan.Scenario), func(c check.Check) bool { return c.Cost() != check.Disturbs || c.Sends() == nil })
	if len(checks) == 0 {
		return fmt.Errorf("scenario %s has no check with a fault and a flow", r.lab.Plan.Scenario.Metadata.Name)
	}
	if err := wait.Until(ctx, wait.For{What: "base state of lab " + r.name, Within: 5 * time.Minute}, r.lab.Base); err != nil {
		return err
	}
	w, err := watch.On(ctx, r.lab, r)
	if err != nil {
		return err
	}
	defer func() { _ = w.Stop(context.WithoutCancel(ctx)) }()
	var all []round
	r.take()
	for n := 0; time.Now().Before(deadline) && ctx.Err() == nil; n++ {
		next := time.Now().Add(r.every)
		one, err := r.round(ctx, checks[n%len(checks)])
		if err != nil {
			return fmt.Errorf("lab %s, round %d: %w", r.name, n+1, err)
		}
		_ = wait.Sleep(ctx, time.Until(next))
		one.events = r.take()
		all = append(all, one)
		r.out.print("%s %s round %d: %s", time.Now().Format(time.TimeOnly), r.name, n+1, one)
	}
	said, wrong := judge(all)
	r.out.print("%s: %s", r.name, said)
	if len(wrong) > 0 {
		return fmt.Errorf("lab %s:\n  %s", r.name, strings.Join(wrong, "\n  "))
	}
	return nil
}

// round sends a flow, runs a check with a fault beside the flow, and takes samples while the flow still runs.
func (r *run) round(ctx context.Context, c check.Check) (one round, err error) {
	one.check = c.Title()
	p := c.Sends()
	targets, err := r.lab.Resolve(ctx, probe.Ref{Kind: p.To, Workload: p.Workload}, record.UDP)
	if err != nil {
		return one, err
	}
	sender, err := r.lab.Node(p.From)
	if err != nil {
		return one, err
	}
	flow, err := probe.Start(ctx, sender, probe.Flow{Proto: record.UDP, Targets: targets[:1], Rate: rate})
	if err != nil {
		return one, err
	}
	var limit time.Duration
	for _, result := range check.Test(ctx, r.lab, []check.Check{c}, check.Options{Events: r, Watched: true}) {
		one.verdict = result.Verdict
		if result.Verdict == check.Failed || len(result.Notes) > 0 {
			one.wrong = append(one.wrong, append(result.Notes, result.Observed)...)
		}
		if result.Measured != nil {
			limit = result.Measured.Limit
		}
	}
	if one.samples, err = r.sample(ctx); err != nil {
		return one, err
	}
	rec, err := flow.Stop(ctx)
	if err != nil {
		return one, err
	}
	s := loss.OfRecording(rec, loss.Options{})[0]
	one.sent, one.lost = s.Sent, s.Lost
	for _, o := range s.Outages {
		if o.Length() > limit && len(s.Unknown) == 0 {
			one.wrong = append(one.wrong, fmt.Sprintf("the flow was out for %s, limit %s", o.Length().Round(time.Millisecond), limit))
		}
	}
	if len(s.Unknown) > 0 {
		one.verdict = check.Unknown
	}
	return one, nil
}

// take returns and forgets the counted events.
func (r *run) take() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	taken := r.kinds
	r.kinds = map[string]int{}
	return taken
}

func (r round) String() string {
	events := 0
	for _, n := range r.events {
		events += n
	}
	text := fmt.Sprintf("%s, %d sent, %d lost, %d events;", r.verdict, r.sent, r.lost, events)
	for _, part := range slices.Sorted(maps.Keys(r.samples)) {
		text += " " + part + " " + r.samples[part].String()
	}
	for _, w := range r.wrong {
		text += "\n  " + w
	}
	return text
}

// lines prints whole lines of several labs.
type lines struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lines) print(format string, a ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(l.w, format+"\n", a...)
}

// quiet is a progress without output.
type quiet struct{}

func (quiet) Begin(string, string)             {}
func (quiet) Note(string, string)              {}
func (quiet) End(string, time.Duration, error) {}
