package fleet

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/host"
	"skidpad.dev/skidpad/lab/system"
	"skidpad.dev/skidpad/lab/wait"
)

const (
	// The runner image has the images of labs and the user's project in these places.
	imagesFile = "/opt/skidpad/images.tar"
	imagesKey  = "/opt/skidpad/images.key"
	project    = "/opt/skidpad/project"

	// doneMark begins the line of a shard's log that says that a task's folder is ready for collection.
	doneMark = "@fleet done "
	// taken is the file in a task's folder after collection.
	taken = ".taken"
	// collectWithin is the time that a shard with results waits for their collection: a repeated call collects, too.
	collectWithin = 15 * time.Minute

	engineWithin = 2 * time.Minute
)

// shard is what runs in one pod.
type shard struct {
	index     int
	node, pod string
	out       io.Writer
}

// Shard runs the tasks of this pod's shard and returns the exit code of the shard. With preflight, Shard only tries the node and
// fills the node's cache.
func Shard(ctx context.Context, out io.Writer, preflight bool) (int, error) {
	s := shard{node: os.Getenv(envNode), pod: os.Getenv(envPod), out: out}
	data, unlock, err := slot(dirCache)
	if err != nil {
		return NoLab, err
	}
	defer unlock()
	stop, err := s.engine(ctx, data)
	if err != nil {
		return NoLab, err
	}
	defer stop()
	report := host.Doctor(ctx)
	for _, f := range report.Findings {
		if f.Status == host.Fail || preflight {
			fmt.Fprintf(out, "%s: %s: seen %s, want %s\n", f.Status, f.Name, f.Seen, f.Wanted)
		}
	}
	if !report.Healthy() {
		return NoLab, fmt.Errorf("node %s cannot run labs", s.node)
	}
	if err := s.images(ctx, data); err != nil || preflight {
		return map[bool]int{true: NoLab}[err != nil], err
	}
	return s.run(ctx)
}

// Clean removes the engines' data of a node, except for the data in use.
func Clean(out io.Writer) error { return clean(dirCache, out) }

func clean(cache string, out io.Writer) error {
	locks, err := filepath.Glob(filepath.Join(cache, "engine-*.lock"))
	for _, l := range locks {
		data := strings.TrimSuffix(l, ".lock")
		unlock, lockErr := lock(data)
		if lockErr != nil {
			fmt.Fprintf(out, "%s is in use\n", data)
			continue
		}
		err = errors.Join(err, os.RemoveAll(data), os.Remove(l))
		unlock()
	}
	return err
}

// slot returns the first folder for an engine's data that no other shard of the node uses: two engines cannot share one.
func slot(cache string) (data string, unlock func(), err error) {
	for i := 0; ; i++ {
		data := filepath.Join(cache, "engine-"+strconv.Itoa(i))
		if err := os.MkdirAll(data, 0o700); err != nil {
			return "", nil, err
		}
		unlock, err := lock(data)
		if err == nil || !errors.Is(err, system.ErrLocked) {
			return data, unlock, err
		}
	}
}

// lock takes the lock of an engine's data, unless another process has it. The kernel ends the lock of a dead process.
func lock(data string) (unlock func(), err error) {
	f, err := os.OpenFile(data+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := system.TryLock(f); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", f.Name(), err), f.Close())
	}
	return func() { _ = f.Close() }, nil
}

// current reports whether the images in an engine's data are those of the runner image.
func current(data string) bool {
	want, err := os.ReadFile(imagesKey)
	have, haveErr := os.ReadFile(filepath.Join(data, "images.key"))
	return err == nil && haveErr == nil && bytes.Equal(want, have)
}

// engine starts an engine with its data in a folder of the node. Data with the images of another runner image are removed first.
func (s shard) engine(ctx context.Context, data string) (stop func(), err error) {
	root := filepath.Join(data, "docker")
	if !current(data) {
		if err := os.RemoveAll(root); err != nil {
			return nil, fmt.Errorf("node %s: cache: %w", s.node, err)
		}
	}
	if err := ownGroup("/sys/fs/cgroup"); err != nil {
		return nil, fmt.Errorf("node %s: cgroup: %w", s.node, err)
	}
	log, err := os.Create(filepath.Join(dirResults, "dockerd.log"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	living, end := context.WithCancel(context.WithoutCancel(ctx)) // stop ends the engine after the labs
	cmd := exec.CommandContext(living, "dockerd", "--host=unix:///var/run/docker.sock", "--data-root="+root, "--storage-driver=overlay2", "--log-level=warn")
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 15 * time.Second
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		end()
		return nil, fmt.Errorf("node %s: engine: %w", s.node, err)
	}
	var why error
	ended := make(chan struct{})
	go func() { why = cmd.Wait(); close(ended) }()
	stop = func() {
		end()
		<-ended
	}
	err = wait.Until(ctx, wait.For{What: "engine on node " + s.node, Within: engineWithin, Every: 500 * time.Millisecond}, func(ctx context.Context) error {
		select {
		case <-ended:
			text, _ := os.ReadFile(log.Name())
			return wait.Stop(fmt.Errorf("the engine ended: %w: %s", why, lastLines(string(text), 5)))
		default:
		}
		e, err := docker.Connect(ctx)
		if err != nil {
			return err
		}
		return e.Close()
	})
	if err != nil {
		stop()
		return nil, err
	}
	// Labs of a shard that was killed.
	return stop, s.skidpad(ctx, s.out, "down", "--all")
}

// ownGroup moves all processes into a child group: version 2 of cgroups has no processes in groups with children.
func ownGroup(root string) error {
	if _, err := os.Stat(filepath.Join(root, "cgroup.controllers")); errors.Is(err, fs.ErrNotExist) {
		return nil // version 1
	}
	child := filepath.Join(root, "init")
	if err := os.MkdirAll(child, 0o755); err != nil {
		return err
	}
	pids, err := os.ReadFile(filepath.Join(root, "cgroup.procs"))
	for _, pid := range strings.Fields(string(pids)) {
		moved := os.WriteFile(filepath.Join(child, "cgroup.procs"), []byte(pid), 0o644)
		if moved != nil && !errors.Is(moved, syscall.ESRCH) {
			err = errors.Join(err, moved)
		}
	}
	return err
}

// images loads the images of the runner image into the engine, once for each of a node's engines.
func (s shard) images(ctx context.Context, data string) error {
	if current(data) {
		return nil
	}
	began := time.Now()
	if err := s.skidpad(ctx, io.Discard, "images", "load", imagesFile); err != nil {
		return fmt.Errorf("node %s: images: %w", s.node, err)
	}
	key, err := os.ReadFile(imagesKey)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "images unpacked into the node's cache in %.1fs\n", time.Since(began).Seconds())
	return os.WriteFile(filepath.Join(data, "images.key"), key, 0o600)
}

func (s shard) skidpad(ctx context.Context, out io.Writer, args ...string) error {
	cmd := exec.CommandContext(ctx, "skidpad", args...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = out, &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("skidpad %s: %w: %s", strings.Join(args, " "), err, lastLines(said.String(), 5))
	}
	return nil
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// run runs the shard's tasks without a collected result, and waits for the collection of the new results.
func (s shard) run(ctx context.Context) (int, error) {
	tasks, codes, err := s.tasks(dirConfig)
	if err != nil {
		return NoLab, err
	}
	for i, t := range tasks {
		if _, done := codes[t.Name]; done {
			continue
		}
		fmt.Fprintf(s.out, "task %d of %d: %s\n", i+1, len(tasks), t.Name)
		r, err := s.task(ctx, t)
		if err != nil {
			return NoLab, err
		}
		if ctx.Err() != nil {
			return NoLab, fmt.Errorf("interrupted in %s", t.Name)
		}
		codes[t.Name] = r.Code
		fmt.Fprintf(s.out, "%s%s\n", doneMark, t.Name)
	}
	err = wait.Until(ctx, wait.For{What: "collection of the results", Within: collectWithin, Every: 500 * time.Millisecond}, func(context.Context) error {
		ready, _ := filepath.Glob(filepath.Join(dirResults, "*", resultFile))
		for _, r := range ready {
			if _, err := os.Stat(filepath.Join(filepath.Dir(r), taken)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return NoLab, err
	}
	return Worst(codes), nil
}

// tasks reads the shard's tasks, and the exit codes of those with a collected result.
func (s *shard) tasks(config string) ([]Task, map[string]int, error) {
	index, err := strconv.Atoi(os.Getenv("JOB_COMPLETION_INDEX"))
	if err != nil {
		return nil, nil, fmt.Errorf("JOB_COMPLETION_INDEX: %w; `skidpad run --shard` is for the pods of a run", err)
	}
	s.index = index
	var shards [][]Task
	var done map[string]int
	for file, v := range map[string]any{keyShards: &shards, keyDone: &done} {
		data, err := os.ReadFile(filepath.Join(config, file))
		if err != nil {
			return nil, nil, err
		}
		if err := json.Unmarshal(data, v); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	if index >= len(shards) {
		return nil, nil, fmt.Errorf("lab bug: shard %d of %d", index, len(shards))
	}
	codes := map[string]int{}
	for _, t := range shards[index] {
		if code, ok := done[t.Name]; ok {
			codes[t.Name] = code
		}
	}
	return shards[index], codes, nil
}

// task runs one task and writes its folder.
func (s shard) task(ctx context.Context, t Task) (Result, error) {
	dir := filepath.Join(dirResults, t.Name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return Result{}, err
	}
	cmd := command(ctx, t, dir)
	stdout, err := os.Create(filepath.Join(dir, outputFile))
	if err != nil {
		return Result{}, err
	}
	defer func() { _ = stdout.Close() }()
	lines := &lineWriter{to: s.out}
	cmd.Stdout, cmd.Stderr = stdout, lines
	if t.Kind == KindSuite {
		cmd.Stdout = io.MultiWriter(stdout, lines)
	}
	before := counters("/", time.Now())
	runErr := cmd.Run()
	r := Result{Task: t, Shard: s.index, Node: s.node, Pod: s.pod, Started: before.at, Code: NoLab}
	r.Took = time.Since(before.at)
	r.Noise = counters("/", time.Now()).since(before)
	var exit *exec.ExitError
	switch {
	case runErr == nil:
		r.Code = Held
	case errors.As(runErr, &exit) && exit.ExitCode() >= 0:
		r.Code = exit.ExitCode()
	}
	if r.Code > Unknown {
		r.Code = Failed // Ginkgo has further codes
	}
	if ctx.Err() == nil { // an interrupted command may have left a lab
		if err := s.skidpad(ctx, io.Discard, "down", "--all"); err != nil {
			return r, err
		}
	}
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return r, err
	}
	return r, os.WriteFile(filepath.Join(dir, resultFile), data, 0o644)
}

// command is the command of a task. A terminated command takes its lab down.
func command(ctx context.Context, t Task, dir string) *exec.Cmd {
	var cmd *exec.Cmd
	switch t.Kind {
	case KindScenario:
		cmd = exec.CommandContext(ctx, "skidpad", "test", t.Arg, "--reports", dir, "-o", "json")
	case KindBug:
		cmd = exec.CommandContext(ctx, "skidpad", "repro", t.Arg, "--reports", dir, "-o", "json")
	default:
		program, _ := filepath.Abs(filepath.Join(project, t.Arg, filepath.Base(t.Arg)+".test"))
		cmd = exec.CommandContext(ctx, program, "--ginkgo.focus-file="+t.File, "--ginkgo.no-color", "--ginkgo.label-filter="+t.Filter, "--ginkgo.json-report="+filepath.Join(dir, suiteFile))
		cmd.Env = append(os.Environ(), "SKIDPAD_REPORTS="+dir)
	}
	cmd.Dir = project
	if t.Kind == KindSuite {
		cmd.Dir = filepath.Join(project, t.Arg)
	}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 45 * time.Second
	return cmd
}

// lineWriter passes whole lines on, because several writers share the log.
type lineWriter struct {
	to   io.Writer
	rest []byte
}

func (w *lineWriter) Write(p []byte) (int, error) {
	w.rest = append(w.rest, p...)
	for {
		line, rest, found := bytes.Cut(w.rest, []byte("\n"))
		if !found {
			return len(p), nil
		}
		if _, err := fmt.Fprintf(w.to, "  %s\n", line); err != nil {
			return 0, err
		}
		w.rest = rest
	}
}

// taskDone returns the task of a line of a shard's log, if a task ended there.
func taskDone(line string) (string, bool) { return strings.CutPrefix(line, doneMark) }

// eachLine calls f with the lines of a shard's log.
func eachLine(r io.Reader, f func(string)) error {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			f(strings.TrimRight(line, "\n"))
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
