package fleet

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"skidpad.dev/skidpad/lab/check"
	"skidpad.dev/skidpad/lab/probe"
)

func TestBalance(t *testing.T) {
	task := func(name string, took int64) Task { return Task{Name: name, Took: took} }
	for name, c := range map[string]struct {
		tasks []Task
		n     int
		want  [][]string
	}{
		"the longest first, each to the shard with the least": {[]Task{task("a", 10), task("b", 90), task("c", 50), task("d", 45)}, 2, [][]string{{"b", "a"}, {"c", "d"}}},
		"no record counts as the median":                      {[]Task{task("a", 10), task("new", 0), task("c", 30), task("d", 20)}, 2, [][]string{{"c", "a"}, {"d", "new"}}},
		"no more shards than tasks":                           {[]Task{task("a", 0), task("b", 0)}, 4, [][]string{{"a"}, {"b"}}},
	} {
		t.Run(name, func(t *testing.T) {
			var got [][]string
			for _, shard := range Balance(c.tasks, c.n) {
				var names []string
				for _, one := range shard {
					names = append(names, one.Name)
				}
				got = append(got, names)
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("seen %v, want %v", got, c.want)
			}
		})
	}
}

func TestTheWorstTaskIsTheShardsExitCode(t *testing.T) {
	for want, codes := range map[int]map[string]int{Held: {"a": 0}, Unknown: {"a": 0, "b": 4}, Failed: {"a": 1, "b": 4}, NoLab: {"a": 1, "b": 3}, Misused: {"a": 2, "b": 3}} {
		if got := Worst(codes); got != want {
			t.Errorf("%v: seen %d, want %d", codes, got, want)
		}
	}
}

func spec() Spec {
	return Spec{Name: "x", Namespace: "ns", Image: "runner:1", CPU: resource.MustParse("2"), Memory: resource.MustParse("4Gi"), Retries: 2, Cache: "/var/lib/cache", Nodes: []string{"w1", "w2"}}
}

func TestTheJobMapsExitCodes(t *testing.T) {
	s := spec().job(3).Spec
	if *s.CompletionMode != batchv1.IndexedCompletion || *s.Completions != 3 || *s.Parallelism != 3 || *s.BackoffLimitPerIndex != 2 || *s.MaxFailedIndexes != 3 || *s.PodReplacementPolicy != batchv1.Failed {
		t.Errorf("seen %+v", s)
	}
	// The first rule that fits counts: what a drained pod ended with must not.
	if first := s.PodFailurePolicy.Rules[0]; first.Action != batchv1.PodFailurePolicyActionIgnore || first.OnPodConditions[0].Type != corev1.DisruptionTarget {
		t.Errorf("the first rule is %+v", first)
	}
	got := map[int32]batchv1.PodFailurePolicyAction{}
	for _, r := range s.PodFailurePolicy.Rules[1:] {
		if *r.OnExitCodes.ContainerName != s.Template.Spec.Containers[0].Name || r.OnExitCodes.Operator != batchv1.PodFailurePolicyOnExitCodesOpIn {
			t.Errorf("rule %+v", r.OnExitCodes)
		}
		for _, code := range r.OnExitCodes.Values {
			got[code] = r.Action
		}
	}
	want := map[int32]batchv1.PodFailurePolicyAction{1: batchv1.PodFailurePolicyActionFailIndex, 4: batchv1.PodFailurePolicyActionFailIndex, 2: batchv1.PodFailurePolicyActionFailJob, 3: batchv1.PodFailurePolicyActionCount}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("seen %v, want %v", got, want)
	}
}

func TestAShardsPodIsGuaranteedAndWithoutRights(t *testing.T) {
	p := spec().job(1).Spec.Template.Spec
	c := p.Containers[0]
	if !reflect.DeepEqual(c.Resources.Requests, c.Resources.Limits) || c.Resources.Limits.Cpu().String() != "2" || c.Resources.Limits.Memory().String() != "4Gi" {
		t.Errorf("resources %+v", c.Resources)
	}
	if !*c.SecurityContext.Privileged || *p.AutomountServiceAccountToken || p.RestartPolicy != corev1.RestartPolicyNever || p.Volumes[0].HostPath.Path != "/var/lib/cache" {
		t.Errorf("seen %+v", p)
	}
	if terms := p.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms; len(terms) != 2 || terms[1].MatchFields[0].Values[0] != "w2" {
		t.Errorf("nodes %+v", terms)
	}
	// The mark of a shard keeps only this shard away.
	away := p.Affinity.PodAntiAffinity.PreferredDuringSchedulingIgnoredDuringExecution[0].PodAffinityTerm
	mark := spec().mark(7, "w1")
	if mark.Labels[labelIndex] != "7" || away.MatchLabelKeys[0] != labelIndex || away.LabelSelector.MatchLabels[labelPart] != mark.Labels[labelPart] || mark.Spec.NodeName != "w1" {
		t.Errorf("mark %v, term %+v", mark.Labels, away)
	}
	none := spec()
	none.Cache = ""
	if v := none.job(1).Spec.Template.Spec.Volumes[0]; v.HostPath != nil || v.EmptyDir == nil {
		t.Errorf("without a cache: %+v", v)
	}
}

func TestNoise(t *testing.T) {
	stat := func(user, idle, steal string) string {
		return "cpu  " + user + " 0 0 " + idle + " 0 0 0 " + steal + " 0 0\n"
	}
	for name, files := range map[string][2]map[string]string{
		"cgroup v2": {
			{"proc/stat": stat("1000", "5000", "10"), "sys/fs/cgroup/cpu.stat": "usage_usec 2000000\nthrottled_usec 0\n", "sys/fs/cgroup/cpu.pressure": "some avg10=0.00 total=1000000\nfull total=0\n"},
			{"proc/stat": stat("1400", "5590", "20"), "sys/fs/cgroup/cpu.stat": "usage_usec 3000000\nthrottled_usec 500000\n", "sys/fs/cgroup/cpu.pressure": "some avg10=0.00 total=2500000\nfull total=0\n"},
		},
		"cgroup v1": {
			{"proc/stat": stat("1000", "5000", "10"), "sys/fs/cgroup/cpuacct/cpuacct.usage": "2000000000\n", "sys/fs/cgroup/cpu/cpu.stat": "nr_throttled 0\nthrottled_time 0\n", "proc/pressure/cpu": "some total=1000000\n"},
			{"proc/stat": stat("1400", "5590", "20"), "sys/fs/cgroup/cpuacct/cpuacct.usage": "3000000000\n", "sys/fs/cgroup/cpu/cpu.stat": "nr_throttled 3\nthrottled_time 500000000\n", "proc/pressure/cpu": "some total=2500000\n"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var seen [2]sample
			for i, tree := range files {
				root := t.TempDir()
				for path, text := range tree {
					write(t, filepath.Join(root, path), text)
				}
				seen[i] = counters(root, time.Unix(int64(5*i), 0))
			}
			// 1000 ticks passed; 410 were busy, 100 of them the pod's own, 10 stolen.
			if got, want := seen[1].since(seen[0]), (Noise{Others: 0.31, Steal: 0.01, Waited: 0.3, Throttled: 0.1}); got != want {
				t.Errorf("seen %+v, want %+v", got, want)
			}
		})
	}
	if got, want := counters(t.TempDir(), time.Unix(5, 0)).since(counters(t.TempDir(), time.Unix(0, 0))), (Noise{-1, -1, -1, -1}); got != want || got.Loud() != "" {
		t.Errorf("without counters: seen %+v, want %+v", got, want)
	}
}

func TestDoubt(t *testing.T) {
	quiet, stolen := Noise{Others: 0.1, Waited: 0.1}, Noise{Steal: 0.2}
	missed := check.Result{Verdict: check.Failed, Measured: &check.Measured{Limit: time.Second, Outage: 2 * time.Second}}
	with := func(change func(*check.Result)) check.Result {
		m := *missed.Measured
		c := missed
		c.Measured = &m
		change(&c)
		return c
	}
	for name, c := range map[string]struct {
		result check.Result
		noise  Noise
		want   check.Verdict
	}{
		"a missed bound on a quiet node":                   {missed, quiet, check.Failed},
		"a missed bound while the hypervisor took time":    {missed, stolen, check.Unknown},
		"a missed bound while the pod was throttled":       {missed, Noise{Throttled: 0.3}, check.Unknown},
		"a missed bound beside others for whom tasks wait": {missed, Noise{Others: 0.6, Waited: 0.5}, check.Unknown},
		"others on a large node on which no task waits":    {missed, Noise{Others: 0.6, Waited: 0.01}, check.Failed},
		"an outage that did not end":                       {with(func(r *check.Result) { r.Measured.Ongoing = true }), stolen, check.Failed},
		"a failure within the bound":                       {with(func(r *check.Result) { r.Measured.Outage = 0 }), stolen, check.Failed},
		"a failure without a measurement":                  {with(func(r *check.Result) { r.Measured = nil }), stolen, check.Failed},
		"a held check":                                     {with(func(r *check.Result) { r.Verdict = check.Held }), stolen, check.Held},
	} {
		if got := Doubt(c.result, c.noise); got.Verdict != c.want || got.Verdict == check.Unknown && !strings.Contains(got.Observed, "because") {
			t.Errorf("%s: seen %s %q, want %s", name, got.Verdict, got.Observed, c.want)
		}
	}
}

func TestTwoEnginesNeverShareData(t *testing.T) {
	cache := t.TempDir()
	first, unlock, err := slot(cache)
	if err != nil {
		t.Fatal(err)
	}
	second, unlock2, err := slot(cache)
	if err != nil || second == first {
		t.Fatalf("seen %s and %s, %v", first, second, err)
	}
	unlock()
	again, unlock3, err := slot(cache)
	if err != nil || again != first {
		t.Errorf("after its end the folder of a shard is free: seen %s, want %s, %v", again, first, err)
	}
	unlock3()
	if err := clean(cache, io.Discard); err != nil {
		t.Fatal(err)
	}
	for data, want := range map[string]bool{first: false, second: true} {
		if _, err := os.Stat(data); (err == nil) != want {
			t.Errorf("after the cleaning, %s is there: %v, want %v", data, err == nil, want)
		}
	}
	unlock2()
}

func TestAShardLeavesOutCollectedTasks(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, keyShards), `[[{"name":"a"}],[{"name":"b"},{"name":"c"}]]`)
	write(t, filepath.Join(dir, keyDone), `{"a":0,"c":1}`)
	t.Setenv("JOB_COMPLETION_INDEX", "1")
	s := &shard{}
	tasks, codes, err := s.tasks(dir)
	if err != nil || len(tasks) != 2 || !reflect.DeepEqual(codes, map[string]int{"c": 1}) || s.index != 1 {
		t.Errorf("seen %v, %v, %v", tasks, codes, err)
	}
}

func TestUnpackStaysInItsFolder(t *testing.T) {
	for name, bad := range map[string]bool{"./reports/a.json": false, "../outside": true} {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		for _, h := range []*tar.Header{{Name: "./reports/", Typeflag: tar.TypeDir, Mode: 0o755}, {Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: 2}} {
			if err := w.WriteHeader(h); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := w.Write([]byte("{}")); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if err := unpack(&b, t.TempDir()); (err != nil) != bad {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMergeShowsEachShardAndWhatIsMissing(t *testing.T) {
	dir := t.TempDir()
	loud := Noise{Others: 0.9, Waited: 0.9}
	missed := `{"scenario":"slow","checks":[{"name":"failover: x","verdict":"failed","measured":{"limit":1,"outage":2}}]}`
	put(t, dir, Result{Task: Task{Name: "a", Kind: KindScenario}, Code: Failed, Shard: 0, Pod: "p0", Node: "w1", Took: time.Minute, Noise: loud})
	write(t, filepath.Join(dir, "a", "slow", "20261129T100000Z", "results.json"), missed)
	put(t, dir, Result{Task: Task{Name: "b", Kind: KindBug}, Code: Held, Shard: 1, Pod: "p1", Node: "w2", Took: time.Second})
	write(t, filepath.Join(dir, "b", outputFile), `{"title":"a bug","verdict":"reproduced","why":"as told"}`)
	put(t, dir, Result{Task: Task{Name: "c", Kind: KindSuite}, Code: Held, Shard: 1, Pod: "p1", Node: "w2", Took: 3 * time.Second, Noise: Noise{Others: 0.4}})
	write(t, filepath.Join(dir, "c", suiteFile), `[{"SpecReports":[{"LeafNodeType":"It","LeafNodeText":"holds","State":"passed"},{"LeafNodeType":"It","LeafNodeText":"other file","State":"skipped"}]}]`)
	tasks := []Task{{Name: "a"}, {Name: "b"}, {Name: "c"}, {Name: "d"}}
	s, err := Merge("x", dir, tasks, []Attempt{{Shard: 1, Pod: "p9", Node: "w2", Why: "killed"}})
	if err != nil {
		t.Fatal(err)
	}
	if s.Code != NoLab || !reflect.DeepEqual(s.Missing, []string{"d"}) || len(s.Pods) != 2 || s.Pods[1].Tasks != 2 || percent(s.Pods[1].Noise.Others) != "30 %" {
		t.Errorf("seen %+v", s)
	}
	if got := s.Tasks[0]; got.Code != Unknown || got.Run.Checks[0].Verdict != check.Unknown {
		t.Errorf("a bound missed on a noisy node: %+v", got)
	}
	if c := s.Tasks[2].Run.Checks; len(c) != 1 || c[0].Name != "holds" {
		t.Errorf("specs: %+v", c)
	}
	if err := s.Save(dir); err != nil {
		t.Fatal(err)
	}
	for file, wants := range map[string][]string{
		"report.html": {"90 %", "failover: x", "because others used 90 %", "lost: killed", "no result", `href="a/slow/20261129T100000Z/report.html"`},
		"junit.xml":   {`errors="2"`, `failures="0"`, `name="holds"`, "a result"},
		"report.json": {`"others": 0.9`, `"missing"`},
	} {
		text, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range wants {
			if !strings.Contains(string(text), want) {
				t.Errorf("%s lacks %q", file, want)
			}
		}
	}
	took, err := Recorded(filepath.Dir(dir))
	if err != nil || took["c"] != 3 {
		t.Errorf("recorded %v, %v", took, err)
	}
}

func TestASpecIsUnknownIfItsRecordingProvesNothing(t *testing.T) {
	file := filepath.Join(t.TempDir(), suiteFile)
	spec := func(message string) string {
		return fmt.Sprintf(`{"LeafNodeType":"It","LeafNodeText":"x","State":"failed","Failure":{"Message":%q}}`, message)
	}
	write(t, file, `[{"SpecReports":[`+spec("the master's return\n"+probe.ProvesNothing+": the prober stood still")+","+spec("Expected the flow to lose at most 1s")+`]}]`)
	seen := specsOf(file)
	if len(seen) != 2 || seen[0].Verdict != check.Unknown || seen[1].Verdict != check.Failed {
		t.Errorf("seen %+v, want unknown, then failed", seen)
	}
}

func put(t *testing.T, dir string, r Result) {
	t.Helper()
	r.Started = time.Unix(1_800_000_000, 0)
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, r.Task.Name, resultFile), string(data))
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
