// Package counter writes numbers to a cluster's API at a steady pace, and afterwards reads the stored numbers: every
// acknowledged number must be stored.
package counter

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"skidpad.dev/skidpad/lab/cluster"
	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/timeline"
	"skidpad.dev/skidpad/lab/wait"
)

const (
	// Timeout is the longest time until an acknowledgement. Timeout is shorter than TCP's first retransmission of a
	// connection request (1 s: RFC 6298, 2.1), so a retransmission cannot save a write begun while no node had the
	// address.
	Timeout = 900 * time.Millisecond
	// countWithin bounds the wait for an API that can list the numbers.
	countWithin = time.Minute
	numberLabel = "dev.skidpad.number"
)

// Counter is a running series of writes. Each write creates a ConfigMap over a connection of its own, at its time,
// independently of earlier writes.
type Counter struct {
	kube      *cluster.Kube
	client    kubernetes.Interface
	namespace string
	flow      record.Flow
	clock     record.Clock
	cancel    context.CancelFunc
	ended     chan struct{}

	mu       sync.Mutex
	attempts []record.Attempt
	skipped  int
}

// Start makes a namespace for the numbers and begins to write, a number in each interval.
func Start(ctx context.Context, kube *cluster.Kube, every time.Duration) (*Counter, error) {
	client, err := oneShot(kube.Config)
	if err != nil {
		return nil, err
	}
	ns, err := kube.Client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "skidpad-counter-"}}, metav1.CreateOptions{})
	if err != nil {
		return nil, fmt.Errorf("counter: make a namespace: %w", err)
	}
	at, wall := timeline.Stamp()
	c := &Counter{kube: kube, client: client, namespace: ns.Name, clock: record.Clock{Mono: at, Wall: wall}, ended: make(chan struct{})}
	c.flow = record.Flow{Target: kube.Config.Host, Proto: record.HTTP, Interval: every, Timeout: Timeout, First: at}
	ctx, c.cancel = context.WithCancel(context.WithoutCancel(ctx))
	go c.run(ctx)
	return c, nil
}

// oneShot is a client with a new connection for each request. A kept connection would hide an outage of the address, or
// break with its server.
func oneShot(config *rest.Config) (kubernetes.Interface, error) {
	tls, err := rest.TLSConfigFor(config)
	if err != nil {
		return nil, fmt.Errorf("counter: %w", err)
	}
	return kubernetes.NewForConfigAndClient(config, &http.Client{Transport: &http.Transport{TLSClientConfig: tls, DisableKeepAlives: true}})
}

// run begins an attempt in every slot and waits for all attempts to end.
func (c *Counter) run(ctx context.Context) {
	defer close(c.ended)
	var group sync.WaitGroup
	defer group.Wait()
	for slot := 0; ; slot++ {
		due := time.Duration(c.flow.Due(slot) - timeline.Now())
		if due < -c.flow.Interval {
			c.mu.Lock()
			c.skipped++
			c.mu.Unlock()
			continue
		}
		if wait.Sleep(ctx, due) != nil {
			return
		}
		// Attempts under way at Stop end by themselves.
		group.Go(func() { c.attempt(context.WithoutCancel(ctx), slot) })
	}
}

func (c *Counter) attempt(ctx context.Context, slot int) {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	a := record.Attempt{Seq: slot, Sent: timeline.Now()}
	a.Late = a.Sent - c.flow.Due(slot)
	number := strconv.Itoa(slot)
	object := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: "n" + number, Labels: map[string]string{numberLabel: number}},
		Data:       map[string]string{"number": number},
	}
	_, err := c.client.CoreV1().ConfigMaps(c.namespace).Create(ctx, object, metav1.CreateOptions{})
	switch {
	case err == nil:
		a.Answered = timeline.Now()
	case errors.Is(err, context.DeadlineExceeded):
		a.Error = "timeout"
	default:
		a.Error = err.Error()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.attempts = append(c.attempts, a)
}

// Counted is the result of the writes.
type Counted struct {
	Recording *record.Recording
	Acked     int   // acknowledged
	Missing   []int // acknowledged and not stored: lost writes
	Unasked   int   // stored without an acknowledgement: no loss
}

// Stop ends the series, reads the stored numbers, and removes the numbers.
func (c *Counter) Stop(ctx context.Context) (*Counted, error) {
	c.cancel()
	<-c.ended
	ctx, cancel := context.WithTimeout(ctx, countWithin)
	defer cancel()
	out := &Counted{Recording: c.recording()}
	var there map[int]bool
	err := wait.Until(ctx, wait.For{What: "counter: the numbers that the API has", Each: cluster.OneCall}, func(ctx context.Context) (err error) {
		there, err = c.numbers(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	out.judge(there)
	if err := c.kube.Client.CoreV1().Namespaces().Delete(ctx, c.namespace, metav1.DeleteOptions{}); err != nil {
		return out, fmt.Errorf("counter: its namespace %s: %w", c.namespace, err)
	}
	return out, nil
}

// judge compares acknowledged with stored numbers.
func (o *Counted) judge(there map[int]bool) {
	for _, a := range o.Recording.Attempts {
		switch {
		case a.Answered == 0 && there[a.Seq]:
			o.Unasked++
		case a.Answered == 0:
		case there[a.Seq]:
			o.Acked++
		default:
			o.Acked++
			o.Missing = append(o.Missing, a.Seq)
		}
	}
	slices.Sort(o.Missing)
}

// recording returns the attempts in a prober's form.
func (c *Counter) recording() *record.Recording {
	c.mu.Lock()
	defer c.mu.Unlock()
	flow := c.flow
	flow.Slots = len(c.attempts) + c.skipped
	return &record.Recording{
		Start: record.Start{Clock: c.clock, Flows: []record.Flow{flow}, Scheduler: "other"}, Attempts: slices.Clone(c.attempts),
		End: &record.End{Clock: c.clock, Reason: "done", Flows: []record.FlowEnd{{Sent: len(c.attempts), Skipped: c.skipped}}},
	}
}

func (c *Counter) numbers(ctx context.Context) (map[int]bool, error) {
	list, err := c.kube.Client.CoreV1().ConfigMaps(c.namespace).List(ctx, metav1.ListOptions{LabelSelector: numberLabel})
	if err != nil {
		return nil, err
	}
	there := map[int]bool{}
	for _, o := range list.Items {
		if n, err := strconv.Atoi(o.Labels[numberLabel]); err == nil {
			there[n] = true
		}
	}
	return there, nil
}
