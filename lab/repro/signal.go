package repro

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/loss"
	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/router/netns"
	"skidpad.dev/skidpad/lab/scenario"
	"skidpad.dev/skidpad/lab/timeline"
)

const (
	// lookAgain lies between two looks at a signal.
	lookAgain = 200 * time.Millisecond
	// connectWithin is how long one of a signal's connections may take.
	connectWithin = 2 * time.Second
	// maxStall is how long a prober may stand still before its recording proves nothing: two labs may share the machine.
	maxStall = 500 * time.Millisecond
)

// read looks at a signal once.
func (r *runner) read(ctx context.Context, s scenario.Signal) (value, error) {
	switch {
	case s.ARP != nil:
		return r.arp(ctx, *s.ARP)
	case s.Ping != nil:
		return r.ping(ctx, *s.Ping, answeredPings)
	case s.TTLExceeded != nil:
		return r.ping(ctx, *s.TTLExceeded, expiredPings)
	case s.Connect != nil:
		return r.connect(ctx, *s.Connect)
	case s.Outage != "":
		return r.outage(ctx, s.Outage)
	case s.Lost != "":
		return r.lost(ctx, s.Lost)
	case s.Sessions != nil:
		return r.sessions(ctx, *s.Sessions, func(b bgp.Session) string { return b.State.String() })
	case s.PeerASNs != nil:
		return r.sessions(ctx, *s.PeerASNs, func(b bgp.Session) string {
			if b.State != bgp.Established {
				return ""
			}
			return fmt.Sprint(b.PeerASN)
		})
	case s.RIB != nil:
		return r.routes(ctx, *s.RIB, r.rib)
	case s.FIB != nil:
		return r.routes(ctx, *s.FIB, r.fib)
	case s.Lease != "":
		holder, err := r.lab.Announcer(ctx, s.Lease)
		return texts(holder), err
	case s.ServiceIPs != "":
		return r.serviceIPs(ctx, s.ServiceIPs)
	case s.Elapsed != nil:
		return r.elapsed(ctx, *s.Elapsed)
	case s.Output != nil:
		return r.output(ctx, *s.Output)
	}
	return value{}, errors.New("lab bug: a signal without content passed the validation")
}

// worst summarizes the flows that were sent under a name: of the flow with the longest outages, and of the most lost.
func (r *runner) worst(ctx context.Context, name string) (outage, lost value, err error) {
	rec, err := r.recording(ctx, name)
	if err != nil {
		return value{}, value{}, err
	}
	return worstOf(name, rec)
}

// worstOf is the arithmetic of worst. Numbers of a recording with gaps are the least that the true numbers can be. A
// prober's own standing still counts as time in which all may have been lost.
func worstOf(name string, rec *record.Recording) (outage, lost value, err error) {
	var out time.Duration
	percent := 0.0
	outage, lost = value{time: &out, final: true}, value{final: true, unit: "% lost"}
	for _, s := range loss.OfRecording(rec, loss.Options{MaxStall: maxStall, StallsAreJudged: true}) {
		if s.Sent == 0 || len(s.Unknown) > 0 && s.Lost == 0 {
			return value{}, value{}, fmt.Errorf("the recording of %s proves nothing: %s", name, strings.Join(append(s.Unknown, "no loss was seen"), "; "))
		}
		var total time.Duration
		for _, o := range s.Outages {
			total += o.Length()
			outage.open = outage.open || o.OpenEnd
		}
		outage.open = outage.open || len(s.Unknown) > 0
		outage.unseen = max(outage.unseen, s.Stalled)
		lost.least = lost.least || len(s.Unknown) > 0 || s.Stalled > 0
		out = max(out, total)
		percent = max(percent, 100*float64(s.Lost)/float64(s.Sent))
	}
	percent = math.Ceil(percent)
	lost.number = &percent
	return outage, lost, nil
}

func (r *runner) outage(ctx context.Context, name string) (value, error) {
	outage, _, err := r.worst(ctx, name)
	return outage, err
}

func (r *runner) lost(ctx context.Context, name string) (value, error) {
	_, lost, err := r.worst(ctx, name)
	return lost, err
}

// sessions tells one thing of each of a router's sessions; an empty text is left out.
func (r *runner) sessions(ctx context.Context, s scenario.Speaks, tell func(bgp.Session) string) (value, error) {
	router, err := r.lab.Router(s.Router)
	if err != nil {
		return value{}, err
	}
	all, err := router.Sessions(ctx)
	if err != nil {
		return value{}, err
	}
	owners := r.owners(ctx)
	var told []string
	count := 0
	for _, session := range all {
		if s.Peer != "" && s.Peer != session.Peer.String() && s.Peer != owners[session.Peer] {
			continue
		}
		if text := tell(session); text != "" {
			told = append(told, text)
			count++
		}
	}
	return number(float64(count), "", told...), nil
}

func (r *runner) rib(ctx context.Context, name string) ([]bgp.Route, error) {
	router, err := r.lab.Router(name)
	if err != nil {
		return nil, err
	}
	return router.Routes(ctx)
}

func (r *runner) fib(ctx context.Context, name string) ([]bgp.Route, error) {
	n, err := r.place(ctx, name)
	if err != nil {
		return nil, err
	}
	return netns.FIB(ctx, n)
}

// routes are the next hops of one prefix, by the names of those that have them.
func (r *runner) routes(ctx context.Context, s scenario.RouteSignal, ask func(context.Context, string) ([]bgp.Route, error)) (value, error) {
	text, err := r.fill(ctx, s.To)
	if err != nil {
		return value{}, err
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		address, err := netip.ParseAddr(text)
		if err != nil {
			return value{}, fmt.Errorf("seen %q, want an address or a prefix", text)
		}
		prefix = netip.PrefixFrom(address, address.BitLen())
	}
	all, err := ask(ctx, s.Node)
	if err != nil {
		return value{}, err
	}
	route, _ := bgp.Find(all, prefix)
	owners := r.owners(ctx)
	var hops []string
	for _, h := range route.NextHops {
		switch {
		case owners[h.Address] != "":
			hops = append(hops, owners[h.Address])
		case h.Address.IsValid():
			hops = append(hops, h.Address.String())
		default:
			hops = append(hops, "dev "+h.Interface)
		}
	}
	return texts(hops...), nil
}

func (r *runner) serviceIPs(ctx context.Context, namespace string) (value, error) {
	kube, err := r.lab.Kube(ctx)
	if err != nil {
		return value{}, err
	}
	list, err := kube.Client.CoreV1().Services(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return value{}, err
	}
	var all []string
	for i := range list.Items {
		s := &list.Items[i]
		if s.Spec.Type != "LoadBalancer" {
			continue
		}
		address := "none"
		for _, in := range s.Status.LoadBalancer.Ingress {
			address = in.IP
		}
		all = append(all, s.Name+"="+address)
	}
	return texts(all...), nil
}

// elapsed finds both events among those of the timeline.
func (r *runner) elapsed(ctx context.Context, e scenario.Elapsed) (value, error) {
	to, err := r.fill(ctx, e.To.Text)
	if err != nil {
		return value{}, err
	}
	from := r.began
	if e.From != nil {
		text, err := r.fill(ctx, e.From.Text)
		if err != nil {
			return value{}, err
		}
		first, ok := r.find(*e.From, text, r.began)
		if !ok {
			return value{}, fmt.Errorf("the timeline has no event %s %s %q since the trigger, from which to count", e.From.Lane, e.From.Kind, text)
		}
		from = first.At
	}
	now := timeline.Now() // before the look: an event that comes meanwhile is none that did not come
	last, ok := r.find(e.To, to, from)
	if ok {
		length := time.Duration(last.At - from)
		return value{time: &length, final: true}, nil
	}
	if missing := deaf(r.events.Events(), e.To); missing != "" {
		return value{}, fmt.Errorf("that the timeline has no event %s %s %q proves nothing: %s", e.To.Lane, e.To.Kind, to, missing)
	}
	length := time.Duration(now - from)
	return value{time: &length, never: true}, nil
}

// hears lists the sources of a lane's events, as package watch names the sources.
var hears = map[timeline.Lane][]string{
	timeline.LaneBGP: {"bgp", "connections"}, timeline.LaneFIB: {"kernel"}, timeline.LaneVRRP: {"vrrp"}, timeline.LaneARP: {"arp"},
	timeline.LaneLease: {"kubernetes"}, timeline.LaneEndpoints: {"kubernetes"}, timeline.LanePod: {"kubernetes"},
}

// deaf returns the text of the event that reports the loss of a source from which the moment would be heard; "" when all listen.
func deaf(all []timeline.Event, m scenario.Moment) string {
	lost := map[string]string{} // the texts, by source
	for _, e := range all {
		switch {
		case e.Lane != timeline.LaneAgent:
		case e.Kind == "source-missing":
			lost[e.Subject] = e.Subject + ": " + e.Text
		case e.Kind == "source-back":
			delete(lost, e.Subject)
		}
	}
	for _, source := range slices.Sorted(maps.Keys(lost)) {
		kind, of, _ := strings.Cut(source, " ")
		ofAnother := (kind == "bgp" || kind == "connections" || kind == "kernel") && m.Subject != "" && of != m.Subject
		if kind == "watch" || slices.Contains(hears[timeline.Lane(m.Lane)], kind) && !ofAnother {
			return lost[source]
		}
	}
	return ""
}

// find returns the first event since an instant that a moment means.
func (r *runner) find(m scenario.Moment, text string, since int64) (timeline.Event, bool) {
	f := timeline.Filter{Lanes: []timeline.Lane{timeline.Lane(m.Lane)}, From: since}
	if m.Subject != "" {
		f.Subjects = []string{m.Subject}
	}
	if m.Kind != "" {
		f.Kinds = []string{m.Kind}
	}
	for _, e := range r.events.Select(f).Events() {
		if e.At >= since && mentions(e, text) {
			return e, true
		}
	}
	return timeline.Event{}, false
}

func mentions(e timeline.Event, text string) bool {
	if strings.Contains(e.Text, text) {
		return true
	}
	for _, v := range e.Fields {
		if strings.Contains(v, text) {
			return true
		}
	}
	return false
}

// output is what a command writes; where it is one number, that is the number.
func (r *runner) output(ctx context.Context, e scenario.Exec) (value, error) {
	out, err := r.shell(ctx, e)
	if err != nil {
		return value{}, err
	}
	var all []string
	for line := range strings.Lines(string(out)) {
		if line = strings.TrimSpace(line); line != "" {
			all = append(all, line)
		}
	}
	if len(all) == 1 {
		if n, err := strconv.ParseFloat(all[0], 64); err == nil {
			v := number(n, "")
			v.texts = all
			return v, nil
		}
	}
	return texts(all...), nil
}
