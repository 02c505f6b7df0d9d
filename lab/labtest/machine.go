package labtest

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/plan"
)

// Machine is a container that stands for a machine: an engine with PID, network and mount namespaces of its own. Specs may
// kill the engine or cut the machine's power, and this machine's engine runs on.
type Machine struct {
	Container string
	// Address is the engine's address for this machine. A machine that starts again has another address.
	Address string
	images  *image.Store
}

// StartMachine starts a machine and waits for the engine. The spec's end removes the machine. The container is a lab of the
// same name, so DownAll and `skidpad down` know the container. args are further arguments of `docker run`, the last ones
// after the image's name "engine".
func StartMachine(ctx context.Context, images *image.Store, name string, args ...string) *Machine {
	ginkgo.GinkgoHelper()
	found, err := images.Ensure(ctx, []plan.Image{{Name: "engine"}}, image.Auto, nil)
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	ginkgo.DeferCleanup(func(ctx ginkgo.SpecContext) {
		_, err := lab.Down(ctx, name)
		gomega.Expect(err).NotTo(gomega.HaveOccurred())
	})
	m := &Machine{Container: "skidpad-" + name, images: images}
	args = append([]string{"run", "--detach", "--privileged", "--cgroupns=private", "--publish=127.0.0.1::2375",
		"--name=" + m.Container, "--label=" + docker.LabelLab + "=" + name}, args...)
	if i := slices.Index(args, "engine"); i >= 0 {
		args[i] = found["engine"].Ref
	} else {
		args = append(args, found["engine"].Ref)
	}
	m.here(ctx, "docker", args...)
	m.Await(ctx)
	return m
}

// here runs a program on this machine and returns its output.
func (m *Machine) here(ctx context.Context, program string, args ...string) string {
	ginkgo.GinkgoHelper()
	out, err := exec.CommandContext(ctx, program, args...).CombinedOutput()
	gomega.Expect(err).NotTo(gomega.HaveOccurred(), "%s %v\n%s", program, args, out)
	return strings.TrimSpace(string(out))
}

// Await waits for the engine's answer.
func (m *Machine) Await(ctx context.Context) {
	ginkgo.GinkgoHelper()
	m.Address = "tcp://" + m.here(ctx, "docker", "port", m.Container, "2375/tcp")
	gomega.Eventually(ctx, func() error { return exec.CommandContext(ctx, "docker", "--host", m.Address, "info").Run() }).
		WithTimeout(time.Minute).Should(gomega.Succeed(), "the engine must answer")
}

// CutPower ends all processes of the machine at once. PowerOn starts the machine again.
func (m *Machine) CutPower(ctx context.Context) {
	ginkgo.GinkgoHelper()
	m.here(ctx, "docker", "kill", m.Container)
	m.here(ctx, "docker", "wait", m.Container)
}

// PowerOn starts the machine after CutPower, and waits for the engine.
func (m *Machine) PowerOn(ctx context.Context) {
	ginkgo.GinkgoHelper()
	m.here(ctx, "docker", "start", m.Container)
	m.Await(ctx)
}

// Load loads images into the machine's engine.
func (m *Machine) Load(ctx context.Context, wanted ...plan.Image) {
	ginkgo.GinkgoHelper()
	args := []string{"-c", `host=$1; shift; docker save "$@" | docker --host "$host" load`, "sh", m.Address}
	for _, i := range wanted {
		found, err := m.images.Ensure(ctx, []plan.Image{i}, image.Auto, nil)
		gomega.Expect(err).NotTo(gomega.HaveOccurred())
		if ref := found[i.Key()].Ref; !slices.Contains(args, ref) {
			args = append(args, ref)
		}
	}
	m.here(ctx, "sh", args...)
}

// PID returns the ID of the machine's first process, on this machine.
func (m *Machine) PID(ctx context.Context) string {
	ginkgo.GinkgoHelper()
	return m.here(ctx, "docker", "inspect", "--format={{.State.Pid}}", m.Container)
}

// Command makes a command inside the machine, in all its namespaces.
func (m *Machine) Command(ctx context.Context, env []string, program string, args ...string) *exec.Cmd {
	ginkgo.GinkgoHelper()
	words := append([]string{"--all", "--target=" + m.PID(ctx), "--", "env", "--ignore-environment", "HOME=/root", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}, env...)
	return exec.CommandContext(ctx, "nsenter", append(append(words, program), args...)...)
}

// Read is ReadHost of the machine, with the folders of labs.
func (m *Machine) Read(ctx context.Context) Host {
	ginkgo.GinkgoHelper()
	pid := m.PID(ctx)
	h := readHost(func(program string, args ...string) *exec.Cmd {
		switch program {
		case "docker":
			return exec.CommandContext(ctx, program, append([]string{"--host", m.Address}, args...)...)
		case "sysctl": // the image's version fails if it may not read a setting
			return exec.CommandContext(ctx, "nsenter", append([]string{"--net", "--target=" + pid, program}, args...)...)
		}
		return m.Command(ctx, nil, program, args...)
	}, pid)
	folders, _ := os.ReadDir("/proc/" + pid + "/root/root/.local/state/skidpad") // before the first lab there is none
	for _, f := range folders {
		if f.IsDir() && !strings.HasPrefix(f.Name(), ".") { // .repro has the reports of bugs
			h["folders"] = append(h["folders"], f.Name())
		}
	}
	return h
}

// Inside returns the ID on this machine of the program that Command has started; 0 before the start.
func Inside(cmd *exec.Cmd) int {
	pid := strconv.Itoa(cmd.Process.Pid)
	children, _ := os.ReadFile("/proc/" + pid + "/task/" + pid + "/children")
	child, _ := strconv.Atoi(strings.TrimSpace(string(children)))
	return child
}

// Decode runs a command and reads the JSON that the command writes.
func Decode(cmd *exec.Cmd, v any) error {
	out, err := cmd.Output()
	if e := json.Unmarshal(out, v); e != nil {
		return e
	}
	return err
}
