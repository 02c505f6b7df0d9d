package fleet

import (
	"archive/tar"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"skidpad.dev/skidpad/lab/cluster"
	"skidpad.dev/skidpad/lab/wait"
)

const (
	// apiGone is the time without an answer of the API after which the command gives up; the shards go on.
	apiGone = 5 * time.Minute
	// noRoom is the time for the scheduler to place the first shard.
	noRoom = time.Minute
	// removeWithin bounds the removal of a run's objects; shards take their labs down first.
	removeWithin = 3 * time.Minute
)

// Options are the arguments of Run.
type Options struct {
	Spec
	Config *rest.Config
	Client kubernetes.Interface
	Shards int
	Tasks  []Task
	Dir    string // folder for results, of this run alone
	Out    io.Writer
	// Deliver puts the runner image into nodes; nil: the image is in a registry.
	Deliver func(ctx context.Context, nodes []corev1.Node) error

	pods  pods          // nil: by the API
	every time.Duration // between two looks at the cluster; 0: a second
}

// fill sets what callers outside of this package leave out.
func (o Options) fill() Options {
	if o.pods == nil {
		o.pods = apiPods{o.Config, o.Client}
	}
	o.every = cmp.Or(o.every, time.Second)
	return o
}

// run is a run in progress.
type run struct {
	Options
	identity string

	mu      sync.Mutex
	streams sync.WaitGroup
	pending map[string]bool // pods whose log is not followed to its end
	ended   map[string]bool // pods that have ended
	noted   map[string]bool // pods in lost
	lost    []Attempt
	done    map[string]int // tasks with a collected result
	shards  [][]Task
}

// Attempt is a shard's pod that ended without the results of all its tasks.
type Attempt struct {
	Shard int    `json:"shard"`
	Pod   string `json:"pod"`
	Node  string `json:"node"`
	Code  int    `json:"code"` // -1 without one
	Why   string `json:"why"`
}

// Run runs the tasks without a result in Dir, on the nodes of a cluster, and returns the merged report of all tasks. Nothing of the
// run is left in the cluster, except for the nodes' cache. When ctx ends, Run removes everything, too. If the run's Job is there
// already, because an earlier call was killed, Run follows the Job.
func Run(ctx context.Context, o Options) (*Summary, error) {
	host, _ := os.Hostname() // only for a message
	r := &run{Options: o.fill(), identity: fmt.Sprintf("%s, process %d", host, os.Getpid()), pending: map[string]bool{}, ended: map[string]bool{}, noted: map[string]bool{}, done: map[string]int{}}
	before, err := Results(o.Dir)
	if err != nil {
		return nil, err
	}
	for _, t := range o.Tasks {
		if res, ok := before[t.Name]; ok && res.Final() {
			r.done[t.Name] = res.Code
		}
	}
	if len(r.done) > 0 {
		r.say("%d of %d tasks have a result in %s", len(r.done), len(o.Tasks), o.Dir)
	}
	if len(r.done) < len(o.Tasks) {
		if err := r.inCluster(ctx); err != nil {
			return nil, err
		}
	}
	return Merge(o.Name, o.Dir, o.Tasks, r.lost)
}

func (r *run) say(format string, args ...any) { r.write(fmt.Sprintf(format, args...)) }

func (r *run) write(line string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, _ = fmt.Fprintln(r.Out, line) // progress
}

// inCluster does everything that needs the cluster, and removes the run's objects.
func (r *run) inCluster(ctx context.Context) (err error) {
	if err := Rights(ctx, r.Client, r.Namespace); err != nil {
		return err
	}
	made, err := r.namespace(ctx)
	if err != nil {
		return err
	}
	release, err := r.hold(ctx)
	if err != nil {
		return err
	}
	keep := false
	defer func() {
		if keep {
			err = errors.Join(err, release(context.WithoutCancel(ctx)))
			return
		}
		back, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeWithin)
		defer cancel()
		err = errors.Join(err, r.remove(back), release(back))
		if made {
			err = errors.Join(err, r.removeNamespace(back))
		}
	}()
	_, absent := r.Client.BatchV1().Jobs(r.Namespace).Get(ctx, r.object(), metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(absent):
		err = r.begin(ctx)
	case absent != nil:
		err = absent
	default:
		err = r.attach(ctx)
	}
	if err != nil {
		return err
	}
	err = r.follow(ctx)
	var gone *apiError
	keep = errors.As(err, &gone)
	return err
}

// attach reads the tasks of a Job that an earlier call has made.
func (r *run) attach(ctx context.Context) error {
	c, err := r.Client.CoreV1().ConfigMaps(r.Namespace).Get(ctx, r.object(), metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("run %s: %w", r.Name, err)
	}
	if err := json.Unmarshal([]byte(c.Data[keyShards]), &r.shards); err != nil {
		return fmt.Errorf("run %s: %s: %w", r.Name, keyShards, err)
	}
	r.say("run %s is there already and goes on", r.Name)
	return nil
}

// begin tries the nodes and makes the Job.
func (r *run) begin(ctx context.Context) error {
	if err := r.remove(ctx); err != nil { // of a call that was killed before the Job
		return err
	}
	if err := r.preflights(ctx); err != nil {
		return err
	}
	rest := slices.DeleteFunc(slices.Clone(r.Tasks), func(t Task) bool { _, ok := r.done[t.Name]; return ok })
	r.shards = Balance(rest, r.Shards)
	for i, tasks := range r.shards {
		var names []string
		for _, t := range tasks {
			names = append(names, t.Name)
		}
		r.say("shard %d: %s", i, strings.Join(names, ", "))
	}
	c, err := r.configMap(r.shards, map[string]int{})
	if err != nil {
		return err
	}
	if _, err := r.Client.CoreV1().ConfigMaps(r.Namespace).Create(ctx, c, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("run %s: %w", r.Name, err)
	}
	if _, err := r.Client.BatchV1().Jobs(r.Namespace).Create(ctx, r.job(len(r.shards)), metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("run %s: %w", r.Name, err)
	}
	return nil
}

// apiError means that the API did not answer for a long time; the Job is left alone.
type apiError struct{ err error }

func (e *apiError) Error() string {
	return fmt.Sprintf("the API has not answered for %s; the shards go on, and the same command collects their results later: %v", apiGone, e.err)
}

func (e *apiError) Unwrap() error { return e.err }

// follow shows the shards' logs and collects results until the Job has ended.
func (r *run) follow(ctx context.Context) error {
	began, answered := time.Now(), time.Now()
	ran := false
	streams, stop := context.WithCancel(ctx)
	defer func() { stop(); r.streams.Wait() }()
	err := wait.Until(ctx, wait.For{What: "run " + r.Name, Every: r.every, Each: 30 * time.Second}, func(one context.Context) error {
		list, err := r.Client.CoreV1().Pods(r.Namespace).List(one, metav1.ListOptions{LabelSelector: LabelRun + "=" + r.Name + "," + labelPart + "=" + partShard})
		var job *batchv1.Job
		if err == nil {
			job, err = r.Client.BatchV1().Jobs(r.Namespace).Get(one, r.object(), metav1.GetOptions{})
		}
		switch {
		case apierrors.IsNotFound(err):
			return wait.Stop(errors.New("somebody has removed the Job"))
		case err != nil && time.Since(answered) > apiGone:
			return wait.Stop(&apiError{err})
		case err != nil:
			return err
		}
		answered = time.Now()
		var waits []string
		for i := range list.Items {
			p := &list.Items[i]
			ran = r.look(streams, p) || ran
			if why := unplaced(p); why != "" {
				waits = append(waits, why)
			}
		}
		if !ran && len(waits) > 0 && len(waits) == len(list.Items) && time.Since(began) > noRoom {
			return wait.Stop(fmt.Errorf("no node has room for a shard of %s processors and %s of memory: %s", r.CPU.String(), r.Memory.String(), waits[0]))
		}
		return r.over(job, list.Items)
	})
	if err == nil {
		r.streams.Wait()
	}
	return err
}

// over returns nil when the Job has ended and its pods have, too.
func (r *run) over(job *batchv1.Job, all []corev1.Pod) error {
	why := "the Job goes on"
	for _, c := range job.Status.Conditions {
		if (c.Type == batchv1.JobComplete || c.Type == batchv1.JobFailed) && c.Status == corev1.ConditionTrue {
			why = ""
		}
	}
	for _, p := range all {
		if p.Status.Phase == corev1.PodRunning || p.Status.Phase == corev1.PodPending {
			why = "pod " + p.Name + " is " + string(p.Status.Phase)
		}
	}
	if why != "" {
		return errors.New(why)
	}
	return nil
}

// unplaced returns the scheduler's reason why a pod has no node.
func unplaced(p *corev1.Pod) string {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			return c.Message
		}
	}
	return ""
}

// look follows a shard's pod from its start, and notes its end. started reports whether the pod has run.
func (r *run) look(ctx context.Context, p *corev1.Pod) (started bool) {
	end := terminated(p)
	started = end != nil || p.Status.Phase == corev1.PodRunning
	r.mu.Lock()
	_, known := r.pending[p.Name]
	bad := end == nil && p.DeletionTimestamp != nil || end != nil && (end.ExitCode == NoLab || end.ExitCode > Unknown)
	bad, r.noted[p.Name] = bad && !r.noted[p.Name], bad || r.noted[p.Name]
	if end != nil || p.Status.Phase == corev1.PodFailed {
		r.ended[p.Name] = true
	}
	if started && !known {
		r.pending[p.Name] = true
		name, node, index := p.Name, p.Spec.NodeName, indexOf(p)
		r.streams.Go(func() { r.stream(ctx, name, node, index) })
	}
	r.mu.Unlock()
	if bad {
		r.lose(ctx, p, end)
	}
	return started
}

// lose notes a pod that ended without the results of all its tasks, or is deleted. The scheduler is told to prefer other nodes.
func (r *run) lose(ctx context.Context, p *corev1.Pod, end *corev1.ContainerStateTerminated) {
	a := Attempt{Shard: indexOf(p), Pod: p.Name, Node: p.Spec.NodeName, Code: -1, Why: "the pod was deleted"}
	if end != nil {
		a.Code, a.Why = int(end.ExitCode), cluster.Explain(p)
	}
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.DisruptionTarget {
			a.Why = c.Reason + ": " + c.Message
		}
	}
	r.mu.Lock()
	r.lost = append(r.lost, a)
	r.mu.Unlock()
	r.say("[%d %s] the pod was lost: %s", a.Shard, a.Node, a.Why)
	if end == nil {
		return // the node is not the reason
	}
	if _, err := r.Client.CoreV1().Pods(r.Namespace).Create(ctx, r.mark(a.Shard, a.Node), metav1.CreateOptions{}); err != nil {
		r.say("node %s cannot be marked for shard %d: %v", a.Node, a.Shard, err)
	}
}

func indexOf(p *corev1.Pod) int {
	i, err := strconv.Atoi(p.Labels[labelIndex])
	if err != nil {
		return -1
	}
	return i
}

func terminated(p *corev1.Pod) *corev1.ContainerStateTerminated {
	for _, c := range p.Status.ContainerStatuses {
		if c.Name == container {
			return c.State.Terminated
		}
	}
	return nil
}

// stream passes a shard's log on, and collects each result. A stream that breaks is opened again.
func (r *run) stream(ctx context.Context, pod, node string, index int) {
	shown := 0
	for ctx.Err() == nil {
		r.mu.Lock()
		last := r.ended[pod]
		r.mu.Unlock()
		log, err := r.pods.logs(ctx, r.Namespace, pod)
		if err == nil {
			n := 0
			err = eachLine(log, func(line string) {
				if n++; n <= shown {
					return
				}
				shown = n
				r.line(ctx, pod, node, index, line)
			})
			_ = log.Close()
		}
		if last || err == nil && r.wasEnded(ctx, pod) {
			return
		}
		_ = wait.Sleep(ctx, r.every) // the loop looks at ctx
	}
}

func (r *run) wasEnded(ctx context.Context, pod string) bool {
	p, err := r.Client.CoreV1().Pods(r.Namespace).Get(ctx, pod, metav1.GetOptions{})
	return apierrors.IsNotFound(err) || err == nil && terminated(p) != nil
}

func (r *run) line(ctx context.Context, pod, node string, index int, line string) {
	task, done := taskDone(line)
	if !done {
		r.say("[%d %s] %s", index, node, line)
		return
	}
	if err := r.collect(ctx, pod, task); err != nil {
		r.say("[%d %s] %s: its result was not collected: %v", index, node, task, err)
	}
}

// collect copies a task's folder from its pod, tells the pod, and tells later pods of the shard.
func (r *run) collect(ctx context.Context, pod, task string) error {
	in := filepath.ToSlash(filepath.Join(dirResults, task))
	return wait.Until(ctx, wait.For{What: "result of " + task, Within: 2 * time.Minute, Every: 2 * time.Second}, func(ctx context.Context) error {
		if have, err := readResult(filepath.Join(r.Dir, task)); err != nil || have.Pod != pod {
			if err := r.copy(ctx, pod, task); err != nil {
				return err
			}
		}
		res, err := readResult(filepath.Join(r.Dir, task))
		if err != nil {
			return wait.Stop(err)
		}
		if err := r.remember(ctx, res); err != nil {
			return err
		}
		if err := r.pods.exec(ctx, r.Namespace, pod, io.Discard, "touch", in+"/"+taken); err != nil {
			return err
		}
		r.mu.Lock()
		n, all := len(r.done), len(r.Tasks)
		r.mu.Unlock()
		r.say("[%d %s] %s: exit code %d after %.0f s; noise: %s (%d of %d)", res.Shard, res.Node, task, res.Code, res.Took.Seconds(), res.Noise, n, all)
		return nil
	})
}

// copy copies a task's folder, and replaces a folder of an earlier attempt only by a whole one.
func (r *run) copy(ctx context.Context, pod, task string) error {
	if !filepath.IsLocal(task) {
		return wait.Stop(fmt.Errorf("pod %s: task %q is no folder's name", pod, task))
	}
	to := filepath.Join(r.Dir, task)
	part := filepath.Join(r.Dir, "."+task+".part")
	if err := errors.Join(os.RemoveAll(part), os.MkdirAll(part, 0o755)); err != nil {
		return wait.Stop(err)
	}
	reader, writer := io.Pipe()
	go func() {
		writer.CloseWithError(r.pods.exec(ctx, r.Namespace, pod, writer, "tar", "-C", dirResults+"/"+task, "--exclude="+taken, "-c", "."))
	}()
	err := unpack(reader, part)
	_ = reader.Close()
	if err != nil {
		return err
	}
	return errors.Join(os.RemoveAll(to), os.Rename(part, to))
}

// unpack writes files and folders of an archive below dir, and nothing else.
func unpack(r io.Reader, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	for archive := tar.NewReader(r); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			_, err = io.Copy(io.Discard, r) // the end of the command
			return err
		}
		if err != nil {
			return err
		}
		name := filepath.Clean(h.Name)
		switch h.Typeflag {
		case tar.TypeDir:
			err = root.MkdirAll(name, 0o755)
		case tar.TypeReg:
			var f *os.File
			if f, err = root.Create(name); err == nil {
				_, err = io.Copy(f, archive)
				err = errors.Join(err, f.Close())
			}
		}
		if err != nil {
			return err
		}
	}
}

// remember stores a result's code for later pods of the shard.
func (r *run) remember(ctx context.Context, res Result) error {
	if !res.Final() {
		return nil
	}
	r.mu.Lock()
	r.done[res.Task.Name] = res.Code
	c, err := r.configMap(r.shards, r.done)
	r.mu.Unlock()
	if err != nil {
		return err
	}
	_, err = r.Client.CoreV1().ConfigMaps(r.Namespace).Update(ctx, c, metav1.UpdateOptions{})
	return err
}
