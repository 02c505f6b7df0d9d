package fleet

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/host"
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
	"skidpad.dev/skidpad/scenarios"
)

// Wanted is the request to Gather.
type Wanted struct {
	Args    []string // folders of suites, scenarios and bugs
	Labels  string   // Ginkgo's label filter for the specs of suites
	Images  []string // further images: NAME or NAME@VERSION
	Program string   // skidpad for Linux; empty: this program
	// Scenarios and Bugs are the names that Load knows beside files.
	Scenarios, Bugs []string
	Load            func(nameOrFile string) (*scenario.Scenario, error)
	Out             io.Writer // progress
}

// ArgumentError is a mistake in the arguments of a run.
type ArgumentError struct{ text string }

// Error describes the mistake.
func (e *ArgumentError) Error() string { return e.text }

func mistake(format string, args ...any) error { return &ArgumentError{fmt.Sprintf(format, args...)} }

// Pack is the tasks of a run, and everything that the tasks' pods need.
type Pack struct {
	tasks   []Task
	wanted  Wanted
	engine  *docker.Engine
	scratch string
	images  []plan.Image
	files   map[string]string // as Load.Files
}

// Gather collects the tasks of the arguments, and compiles the suites.
func Gather(ctx context.Context, w Wanted) (*Pack, error) {
	if err := host.EnsureEngine(ctx, func(s string) { _, _ = fmt.Fprintln(w.Out, s) }); err != nil {
		return nil, err
	}
	engine, err := docker.Connect(ctx)
	if err != nil {
		return nil, err
	}
	l := &Pack{engine: engine, wanted: w, files: map[string]string{}}
	if l.scratch, err = os.MkdirTemp("", "skidpad-run-"); err != nil {
		return nil, err
	}
	err = l.fill(ctx)
	if err != nil {
		l.Close()
	}
	return l, err
}

// Close removes the compiled suites.
func (l *Pack) Close() {
	_ = l.engine.Close() // nothing was written
	_ = os.RemoveAll(l.scratch)
}

// Into makes the runner image, and sets the tasks, the image and the delivery of a run. registry is HOST/FOLDER for the image;
// empty: the cluster's nodes are containers of this engine.
func (l *Pack) Into(ctx context.Context, o *Options, registry string) error {
	made, err := l.runner(ctx)
	if err != nil {
		return err
	}
	o.Tasks, o.Image = l.tasks, made.Ref
	if registry == "" {
		o.Deliver = func(ctx context.Context, nodes []corev1.Node) error { return deliver(ctx, l.engine, nodes, made.Ref) }
		return nil
	}
	return image.New(l.engine, lab.Images()...).Push(ctx, map[string]image.Resolved{RunnerImage: made}, registry, func(pushed string) { o.Image = pushed })
}

func (l *Pack) fill(ctx context.Context) error {
	if l.wanted.Program == "" {
		if runtime.GOOS != "linux" {
			return mistake("this program is for %s; want --program with a skidpad for Linux", runtime.GOOS)
		}
		var err error
		if l.wanted.Program, err = os.Executable(); err != nil {
			return err
		}
	}
	if dir := scenarios.Project(); dir != "" {
		if err := l.folder(filepath.Join(dir, "scenarios"), "scenarios"); err != nil {
			return err
		}
	}
	for _, arg := range l.wanted.Args {
		if err := l.add(ctx, arg); err != nil {
			return err
		}
	}
	for _, i := range l.wanted.Images {
		name, version, _ := strings.Cut(i, "@")
		l.images = append(l.images, plan.Image{Name: name, Version: version})
	}
	if len(l.images) == 0 { // a cleaning, and suites that name no scenario
		l.images = append(l.images, plan.Image{Name: "client"})
	}
	return nil
}

// add adds the tasks of an argument: a suite's folder, a scenario or a bug.
func (l *Pack) add(ctx context.Context, arg string) error {
	if tests, _ := filepath.Glob(filepath.Join(arg, "*_test.go")); len(tests) > 0 {
		return l.suite(ctx, arg)
	}
	if slices.Contains(l.wanted.Bugs, arg) && !slices.Contains(l.wanted.Scenarios, arg) {
		s, err := l.wanted.Load(arg)
		if err != nil {
			return err
		}
		halves := []scenario.Half{s.Bug.Broken}
		if s.Bug.Fixed != nil {
			halves = append(halves, *s.Bug.Fixed)
		}
		for _, h := range halves {
			made, err := s.Half(h)
			if err != nil {
				return err
			}
			if err := l.need(ctx, made); err != nil {
				return err
			}
		}
		return l.task(Task{Name: "repro-" + arg, Kind: KindBug, Arg: arg})
	}
	s, err := l.wanted.Load(arg)
	if err != nil {
		return err
	}
	t := Task{Name: "scenario-" + s.Metadata.Name, Kind: KindScenario, Arg: arg}
	if strings.ContainsRune(arg, filepath.Separator) || filepath.Ext(arg) != "" {
		in := fmt.Sprintf("files/%d", len(l.tasks))
		if err := l.folder(filepath.Dir(arg), in); err != nil {
			return err
		}
		t.Arg = in + "/" + filepath.Base(arg)
	}
	if err := l.need(ctx, s); err != nil {
		return err
	}
	return l.task(t)
}

func (l *Pack) task(t Task) error {
	if slices.ContainsFunc(l.tasks, func(have Task) bool { return have.Name == t.Name }) {
		return mistake("%s is given twice", t.Arg)
	}
	l.tasks = append(l.tasks, t)
	return nil
}

// need adds the images of a scenario.
func (l *Pack) need(ctx context.Context, s *scenario.Scenario) error {
	p, err := lab.Draft(ctx, lab.Options{Scenario: s})
	if err != nil {
		return err
	}
	l.images = append(l.images, p.Images...)
	return nil
}

// folder adds the files below a folder.
func (l *Pack) folder(dir, in string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		full, err := filepath.Abs(path)
		l.files[in+"/"+filepath.ToSlash(rel)] = full
		return err
	})
}

// runner makes the runner image.
func (l *Pack) runner(ctx context.Context) (image.Resolved, error) {
	show := func(e image.Event) {
		_, _ = fmt.Fprintf(l.wanted.Out, "%7.1fs  %-28s %-8s %s\n", e.Elapsed.Seconds(), e.What, e.Status, e.Detail)
	}
	found, err := image.New(l.engine, lab.Images()...).Ensure(ctx, append([]plan.Image{{Name: "engine"}}, l.images...), image.Auto, show)
	if err != nil {
		return image.Resolved{}, err
	}
	engine := found["engine"]
	delete(found, "engine")
	var all []image.Resolved
	for _, i := range found {
		all = append(all, i)
	}
	own := append(lab.Images(), Runner(engine, Load{Program: l.wanted.Program, Images: all, Files: l.files}))
	made, err := image.New(l.engine, own...).Ensure(ctx, []plan.Image{{Name: RunnerImage}}, image.Auto, show)
	return made[RunnerImage], err
}
