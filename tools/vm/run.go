package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/labtest/pace"
	"skidpad.dev/skidpad/lab/plan"
)

// asRoot begins a command of the user root.
const asRoot = "root:"

// command is a line for a user's shell.
type command struct{ user, line string }

// result is a command that has run.
type result struct {
	command
	code int // the exit code; -1 if the command did not end
	took time.Duration
	err  error
}

// parse reads commands, one a line. Empty lines and lines that begin with # do not count.
func parse(text string) []command {
	var all []command
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			all = append(all, parseLine(line))
		}
	}
	return all
}

func parseLine(line string) command {
	if rest, found := strings.CutPrefix(line, asRoot); found {
		return command{"root", strings.TrimSpace(rest)}
	}
	return command{user, line}
}

// programs puts skidpad and compiled tests into the folder shared with the machine, and returns the name of their folder there:
//
//	skidpad
//	router/router.test, router/testdata     of package lab/router
//
// The name is a hash of skidpad, so runs with several programs share a machine.
func (m machine) programs(ctx context.Context, o options) (string, error) {
	made, err := os.MkdirTemp(m.file("share"), "new-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(made) }()
	if err := os.Chmod(made, 0o755); err != nil { //nolint:gosec // the machine's users read the folder
		return "", err
	}
	program := filepath.Join(made, "skidpad")
	if o.skidpad != "" {
		err = copyTo(program, o.skidpad)
	} else {
		err = goTool(ctx, "build", "-o", program, "./tools/skidpad")
	}
	if err != nil {
		return "", err
	}
	for _, p := range o.tests {
		if err := compile(ctx, p, filepath.Join(made, path.Base(p))); err != nil {
			return "", err
		}
	}
	sum := sha256.New()
	if err := hashOf(sum, made); err != nil {
		return "", err
	}
	name := hex.EncodeToString(sum.Sum(nil))[:12]
	if _, err := os.Stat(m.file("share", name)); err == nil {
		return name, nil
	}
	return name, os.Rename(made, m.file("share", name))
}

// compile makes the test binary of a package, and copies the package's testdata.
func compile(ctx context.Context, pkg, to string) error {
	if err := goTool(ctx, "test", "-c", "-o", filepath.Join(to, path.Base(pkg)+".test"), pkg); err != nil {
		return err
	}
	data := filepath.Join(pkg, "testdata")
	if _, err := os.Stat(data); err != nil {
		return nil //nolint:nilerr // a package without testdata
	}
	return os.CopyFS(filepath.Join(to, "testdata"), os.DirFS(data))
}

// hashOf hashes names and contents of all files of a folder.
func hashOf(sum hash.Hash, dir string) error {
	return filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, _ := filepath.Rel(dir, file)
		fmt.Fprintln(sum, name)
		f, err := os.Open(file)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		_, err = io.Copy(sum, f)
		return err
	})
}

func goTool(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("go %s: %w", strings.Join(args, " "), err)
	}
	return nil
}

func copyTo(to, from string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o755) //nolint:gosec // a program
}

// fill brings programs, images and files into the machine, unless the machine has them.
func (m machine) fill(ctx context.Context, o options, dir string) error {
	if err := m.do(ctx, "root", fmt.Sprintf("test -e /opt/%[1]s || { cp -r /share/%[1]s /opt/.%[1]s && mv -T /opt/.%[1]s /opt/%[1]s; }", dir)); err != nil {
		return err
	}
	if o.files != "" {
		from, err := filepath.Abs(o.files)
		if err != nil {
			return err
		}
		tar := exec.CommandContext(ctx, "tar", "--create", "--directory", filepath.Dir(from), filepath.Base(from))
		untar := m.ssh(ctx, user, "tar --extract --no-same-owner")
		if untar.Stdin, err = tar.StdoutPipe(); err != nil {
			return err
		}
		untar.Stderr, tar.Stderr = os.Stderr, os.Stderr
		if err := tar.Start(); err != nil {
			return err
		}
		if err := errors.Join(untar.Run(), tar.Wait()); err != nil {
			return fmt.Errorf("copy of %s: %w", from, err)
		}
	}
	return m.load(ctx, o.images, dir)
}

// load brings images of the catalogue into the machine's engine.
func (m machine) load(ctx context.Context, names []string, dir string) error {
	if len(names) == 0 {
		return nil
	}
	engine, err := docker.Connect(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = engine.Close() }()
	store := image.New(engine, lab.Images()...)
	var wanted []plan.Image
	for _, name := range names {
		wanted = append(wanted, plan.Image{Name: name})
	}
	have, err := store.Ensure(ctx, wanted, image.Auto, func(e image.Event) { say("%6.1fs  %s %s", e.Elapsed.Seconds(), e.What, e.Status) })
	if err != nil {
		return err
	}
	out, err := m.ssh(ctx, user, "docker images --format '{{.Repository}}:{{.Tag}}'").Output()
	if err != nil {
		return fmt.Errorf("images of the machine's engine: %w", err)
	}
	missing := missing(have, strings.Fields(string(out)))
	if len(missing) == 0 {
		return nil
	}
	archive := m.file("share", "images.tar")
	f, err := os.Create(archive)
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(archive) }()
	if err := errors.Join(store.Save(ctx, f, missing), f.Close()); err != nil {
		return err
	}
	began := time.Now()
	if err := m.do(ctx, user, "/opt/"+dir+"/skidpad images load /share/images.tar"); err != nil {
		return err
	}
	say("%6.1fs  %d images loaded", time.Since(began).Seconds(), len(missing))
	return nil
}

// missing returns the images that are not among the references of an engine.
func missing(have map[string]image.Resolved, refs []string) []image.Resolved {
	there := map[string]bool{}
	for _, r := range refs {
		there[r] = true
	}
	var all []image.Resolved
	for _, i := range have {
		if !there[i.Ref] {
			there[i.Ref] = true
			all = append(all, i)
		}
	}
	return all
}

// do runs a command of the tool itself.
func (m machine) do(ctx context.Context, as, line string) error {
	if out, err := m.ssh(ctx, as, line).CombinedOutput(); err != nil {
		return fmt.Errorf("in the machine, as %s: %s: %w: %s", as, line, err, out)
	}
	return nil
}

// all runs commands one after the other, and shows their output.
func (m machine) all(ctx context.Context, cmds []command, dir string, limit time.Duration) []result {
	var all []result
	for _, c := range cmds {
		if ctx.Err() != nil {
			break
		}
		fmt.Printf("\n== %s$ %s\n", c.user, c.line)
		r := m.one(ctx, c, dir, limit)
		fmt.Printf("== %s after %s\n", r.verdict(), r.took.Round(time.Second/10))
		all = append(all, r)
	}
	return all
}

func (m machine) one(ctx context.Context, c command, dir string, limit time.Duration) result {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("time limit of %s; see -limit", limit))
	defer cancel()
	cmd := m.ssh(ctx, c.user, fmt.Sprintf("export VM=/opt/%[1]s PATH=/opt/%[1]s:$PATH SKIDPAD_REPORTS=/tmp/reports %[2]s; %[3]s", dir, pace.Env(slowness(accelHere())), c.line))
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stdout
	r := result{command: c}
	began := time.Now()
	err := cmd.Run()
	r.took, r.code = time.Since(began), cmd.ProcessState.ExitCode()
	var exit *exec.ExitError
	if ctx.Err() != nil {
		r.code, r.err = -1, context.Cause(ctx)
	} else if err != nil && !errors.As(err, &exit) {
		r.code, r.err = -1, err
	}
	return r
}

// slowness is the factor of the time limits of tests.
func slowness(accel string) float64 {
	if accel == "tcg" {
		return 15
	}
	return 1
}

func (r result) verdict() string {
	switch {
	case r.err != nil:
		return r.err.Error()
	case r.code == 0:
		return "ok"
	}
	return fmt.Sprintf("exit %d", r.code)
}

// table lists the results.
func table(all []result) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nRESULT\tTIME\tUSER\tCOMMAND")
	for _, r := range all {
		fmt.Fprintf(w, "%s\t%.0f s\t%s\t%s\n", r.verdict(), r.took.Seconds(), r.user, r.line)
	}
	_ = w.Flush()
	return b.String()
}

// failures is the error of commands that failed.
func failures(all []result) error {
	n := 0
	for _, r := range all {
		if r.code != 0 {
			n++
		}
	}
	if n > 0 {
		return fmt.Errorf("%d of %d commands failed", n, len(all))
	}
	return nil
}
