package fleet

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	batchv1 "k8s.io/api/batch/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	k8stesting "k8s.io/client-go/testing"
)

// cloud is a cluster whose pods run at once: each shard has a result for each of its tasks that the ConfigMap lacks.
type cloud struct {
	*fake.Clientset
	t      *testing.T
	denied map[string]bool // "create jobs.batch"
	forbid error           // privileged pods
	stuck  bool            // no shard ever ends
	kill   map[string]bool // tasks whose first pod dies before the task
	code   map[string]int

	mu  sync.Mutex
	ran []string // tasks, in all pods
}

func newCloud(t *testing.T) *cloud {
	t.Helper()
	ready := corev1.NodeStatus{Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}}
	c := &cloud{t: t, kill: map[string]bool{}, code: map[string]int{}, denied: map[string]bool{}, Clientset: fake.NewClientset(
		&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "w1"}, Status: ready},
		&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "cp"}, Status: ready, Spec: corev1.NodeSpec{Taints: []corev1.Taint{{Key: "control-plane", Effect: corev1.TaintEffectNoSchedule}}}})}
	c.PrependReactor("create", "selfsubjectaccessreviews", func(a k8stesting.Action) (bool, runtime.Object, error) {
		review := a.(k8stesting.CreateAction).GetObject().(*authorizationv1.SelfSubjectAccessReview)
		at := review.Spec.ResourceAttributes
		review.Status.Allowed = !c.denied[at.Verb+" "+at.Resource]
		return true, review, nil
	})
	c.PrependReactor("create", "pods", func(a k8stesting.Action) (bool, runtime.Object, error) {
		p := a.(k8stesting.CreateAction).GetObject().(*corev1.Pod)
		if p.Name == "" {
			p.Name = p.GenerateName + "1"
		}
		p.Status.Phase = corev1.PodSucceeded // a preflight
		return c.forbid != nil, nil, c.forbid
	})
	c.PrependReactor("create", "jobs", func(a k8stesting.Action) (bool, runtime.Object, error) {
		j := a.(k8stesting.CreateAction).GetObject().(*batchv1.Job)
		for i := range int(*j.Spec.Completions) {
			c.start(j.Namespace, j.Name, i, "0")
		}
		return false, nil, nil
	})
	return c
}

func (c *cloud) start(namespace, run string, index int, attempt string) {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("%s-%d-%s", run, index, attempt), Namespace: namespace,
		Labels: map[string]string{LabelRun: strings.TrimPrefix(run, prefix), labelPart: partShard, labelIndex: fmt.Sprint(index)}},
		Spec: corev1.PodSpec{NodeName: "w1"}, Status: corev1.PodStatus{Phase: corev1.PodRunning}}
	if err := c.Tracker().Add(p); err != nil {
		c.t.Error(err)
	}
}

// logs runs a shard: its tasks, and its end when its results are collected.
func (c *cloud) logs(ctx context.Context, namespace, pod string) (io.ReadCloser, error) {
	run := pod[:strings.LastIndex(strings.TrimRight(pod, "0123456789"), "-")]
	run = strings.TrimRight(strings.TrimRight(run, "0123456789"), "-")
	var index, attempt int
	if _, err := fmt.Sscanf(strings.TrimPrefix(pod, run), "-%d-%d", &index, &attempt); err != nil {
		return nil, err
	}
	if c.stuck {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	m, err := c.CoreV1().ConfigMaps(namespace).Get(ctx, run, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	var shards [][]Task
	done := map[string]int{}
	if err := errors.Join(json.Unmarshal([]byte(m.Data[keyShards]), &shards), json.Unmarshal([]byte(m.Data[keyDone]), &done)); err != nil {
		return nil, err
	}
	var lines bytes.Buffer
	end, codes := int32(0), map[string]int{}
	for _, t := range shards[index] {
		if code, ok := done[t.Name]; ok {
			codes[t.Name] = code
			continue
		}
		if c.kill[t.Name] && attempt == 0 {
			end = 137
			break
		}
		codes[t.Name] = c.code[t.Name]
		c.mu.Lock()
		c.ran = append(c.ran, t.Name)
		c.mu.Unlock()
		fmt.Fprintf(&lines, "running %s\n%s%s\n", t.Name, doneMark, t.Name)
	}
	if end == 0 {
		end = int32(Worst(codes)) //nolint:gosec // an exit code
	}
	return &ending{Reader: &lines, end: func() { c.end(namespace, run, pod, index, end) }}, nil
}

// ending ends its pod when its text was read.
type ending struct {
	io.Reader
	end  func()
	once sync.Once
}

func (e *ending) Close() error { e.once.Do(e.end); return nil }

// end ends a pod, as the Job's controller would see it.
func (c *cloud) end(namespace, run, pod string, index int, code int32) {
	ctx := context.Background()
	p, err := c.CoreV1().Pods(namespace).Get(ctx, pod, metav1.GetOptions{})
	if err != nil || terminated(p) != nil {
		return
	}
	p.Status.Phase = corev1.PodFailed
	if code == 0 {
		p.Status.Phase = corev1.PodSucceeded
	}
	p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: container, State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code}}}}
	if _, err := c.CoreV1().Pods(namespace).UpdateStatus(ctx, p, metav1.UpdateOptions{}); err != nil {
		c.t.Error(err)
	}
	if code == 137 {
		c.start(namespace, run, index, "1")
		return
	}
	list, err := c.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: labelPart + "=" + partShard})
	if err != nil {
		c.t.Error(err)
	}
	for _, p := range list.Items {
		if p.Status.Phase == corev1.PodRunning {
			return
		}
	}
	j, err := c.BatchV1().Jobs(namespace).Get(ctx, run, metav1.GetOptions{})
	if err != nil {
		c.t.Error(err)
		return
	}
	j.Status.Conditions = []batchv1.JobCondition{{Type: batchv1.JobComplete, Status: corev1.ConditionTrue}}
	if _, err := c.BatchV1().Jobs(namespace).UpdateStatus(ctx, j, metav1.UpdateOptions{}); err != nil {
		c.t.Error(err)
	}
}

// exec answers a copy of a task's folder.
func (c *cloud) exec(_ context.Context, _, pod string, out io.Writer, command ...string) error {
	if command[0] != "tar" {
		return nil
	}
	name := path.Base(command[2])
	data, err := json.Marshal(Result{Task: Task{Name: name, Kind: KindBug}, Code: c.code[name], Pod: pod, Node: "w1", Started: time.Now(), Took: time.Second})
	if err != nil {
		return err
	}
	w := tar.NewWriter(out)
	err = w.WriteHeader(&tar.Header{Name: "./" + resultFile, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(data))})
	_, writeErr := w.Write(data)
	return errors.Join(err, writeErr, w.Close())
}

func (c *cloud) options(dir string, names ...string) Options {
	s := spec()
	s.Nodes = nil
	o := Options{Spec: s, Client: c, pods: c, Shards: 2, Dir: dir, Out: io.Discard, every: 10 * time.Millisecond}
	for _, n := range names {
		o.Tasks = append(o.Tasks, Task{Name: n})
	}
	return o
}

// leftovers lists the objects of runs in the cluster.
func (c *cloud) leftovers() []string {
	c.t.Helper()
	ctx, all := context.Background(), []string{}
	pods, err1 := c.CoreV1().Pods("ns").List(ctx, metav1.ListOptions{})
	maps, err2 := c.CoreV1().ConfigMaps("ns").List(ctx, metav1.ListOptions{})
	jobs, err3 := c.BatchV1().Jobs("ns").List(ctx, metav1.ListOptions{})
	leases, err4 := c.CoordinationV1().Leases("ns").List(ctx, metav1.ListOptions{})
	spaces, err5 := c.CoreV1().Namespaces().List(ctx, metav1.ListOptions{})
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		c.t.Fatal(err)
	}
	for _, list := range []runtime.Object{pods, maps, jobs, leases, spaces} {
		if err := meta.EachListItem(list, func(o runtime.Object) error {
			all = append(all, fmt.Sprintf("%T %s", o, o.(metav1.Object).GetName()))
			return nil
		}); err != nil {
			c.t.Fatal(err)
		}
	}
	return all
}

func TestARunCollectsEachTaskOnceAndLeavesNothing(t *testing.T) {
	c := newCloud(t)
	c.code["b"] = Failed
	dir := t.TempDir()
	s, err := Run(t.Context(), c.options(dir, "a", "b", "c"))
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Tasks) != 3 || len(s.Missing) != 0 || s.Code != Failed || len(s.Pods) != 2 {
		t.Errorf("seen %+v", s)
	}
	if left := c.leftovers(); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	// The same run again has nothing to do, and one more task runs alone.
	again := newCloud(t)
	if _, err := Run(t.Context(), again.options(dir, "a", "b", "c")); err != nil || len(again.Actions()) > 0 {
		t.Errorf("a finished run: %v, %v", again.Actions(), err)
	}
	if s, err := Run(t.Context(), again.options(dir, "a", "b", "c", "d")); err != nil || !slices.Equal(again.ran, []string{"d"}) || len(s.Tasks) != 4 {
		t.Errorf("ran %v, %v", again.ran, err)
	}
}

func TestALostPodCostsItsOwnTasksAlone(t *testing.T) {
	c := newCloud(t)
	c.kill["c"] = true // of shard 0: a, c
	s, err := Run(t.Context(), c.options(t.TempDir(), "a", "b", "c", "d"))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(c.ran)
	if !slices.Equal(c.ran, []string{"a", "b", "c", "d"}) || len(s.Lost) != 1 || s.Lost[0].Code != 137 || s.Code != Held {
		t.Errorf("ran %v, lost %+v, code %d", c.ran, s.Lost, s.Code)
	}
	if left := c.leftovers(); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestACallFollowsTheJobOfAKilledCall(t *testing.T) {
	c := newCloud(t)
	s := spec()
	m, err := s.configMap([][]Task{{{Name: "a"}}}, map[string]int{})
	if err != nil {
		t.Fatal(err)
	}
	stale := metav1.NewMicroTime(time.Now().Add(-time.Hour))
	who := "the killed call"
	for _, o := range []runtime.Object{m, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.Namespace}}, s.job(1),
		&coordinationv1.Lease{ObjectMeta: s.meta(s.object(), "lease"), Spec: coordinationv1.LeaseSpec{HolderIdentity: &who, RenewTime: &stale}}} {
		if err := c.Tracker().Add(o); err != nil {
			t.Fatal(err)
		}
	}
	c.start(s.Namespace, s.object(), 0, "0")
	got, err := Run(t.Context(), c.options(t.TempDir(), "a"))
	if err != nil || len(got.Tasks) != 1 {
		t.Fatalf("seen %+v, %v", got, err)
	}
	if slices.ContainsFunc(c.Actions(), func(a k8stesting.Action) bool { return a.Matches("create", "jobs") }) {
		t.Error("a second Job was made")
	}
}

func TestTwoCallsNeverDriveOneRun(t *testing.T) {
	c := newCloud(t)
	s, now, who := spec(), metav1.NowMicro(), "another machine"
	if err := c.Tracker().Add(&coordinationv1.Lease{ObjectMeta: s.meta(s.object(), "lease"), Spec: coordinationv1.LeaseSpec{HolderIdentity: &who, RenewTime: &now}}); err != nil {
		t.Fatal(err)
	}
	_, err := Run(t.Context(), c.options(t.TempDir(), "a"))
	var busy *BusyError
	if !errors.As(err, &busy) || busy.Holder != who {
		t.Errorf("seen %v", err)
	}
}

func TestARunThatCannotBeginSaysWhy(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*cloud)
		want   string
	}{
		"missing rights": {func(c *cloud) { c.denied["create jobs"] = true; c.denied["list nodes"] = true }, "may not create jobs, list nodes"},
		"privileged pods are forbidden": {func(c *cloud) {
			c.forbid = apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "x", errors.New("violates PodSecurity"))
		}, "violates PodSecurity"},
		"no suitable node": {func(c *cloud) {
			if err := c.CoreV1().Nodes().Delete(context.Background(), "w1", metav1.DeleteOptions{}); err != nil {
				panic(err)
			}
		}, "want one that is ready and without a taint"},
	} {
		t.Run(name, func(t *testing.T) {
			cl := newCloud(t)
			c.change(cl)
			_, err := Run(t.Context(), cl.options(t.TempDir(), "a"))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("seen %v, want %q", err, c.want)
			}
			if left := cl.leftovers(); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestAnInterruptedRunRemovesEverything(t *testing.T) {
	c := newCloud(t)
	c.stuck = true
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(200*time.Millisecond, cancel)
	if _, err := Run(ctx, c.options(t.TempDir(), "a", "b")); !errors.Is(err, context.Canceled) {
		t.Errorf("seen %v", err)
	}
	if left := c.leftovers(); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
