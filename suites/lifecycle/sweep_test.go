package lifecycle_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/labtest"
	"skidpad.dev/skidpad/lab/plan"
)

// file is the scenario of the sweeps on the machine.
const file = "/steps/sweep.yaml"

// victim is a machine with skidpad. Every command of skidpad there goes through a proxy.
type victim struct {
	*labtest.Machine
	steps *steps
	lab   string
	clean labtest.Host // without a lab
	// restarted is true if the engine restarts: the foreign container has another link and namespace then.
	restarted bool
}

// supervised starts the engine again whenever the engine ends, like systemd's Restart=always, but not while /run/off is there.
const supervised = `while :; do [ -e /run/off ] || dockerd --host=unix:///run/docker.sock --host=tcp://0.0.0.0:2375 --tls=false; sleep 0.2; done`

// newVictim starts a machine with foreign objects: a container on its own network, a route and a firewall rule.
func newVictim(ctx SpecContext, images ...plan.Image) *victim {
	return newVictimWith(ctx, nil, images...)
}

// newVictimWith is newVictim with further arguments of `docker run`.
func newVictimWith(ctx SpecContext, more []string, images ...plan.Image) *victim {
	GinkgoHelper()
	if os.Geteuid() != 0 {
		Skip("only root can look into another machine's namespaces")
	}
	e, err := docker.Connect(ctx)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(e.Close)
	name := labtest.Name("victim")
	dir, err := os.MkdirTemp("", "skidpad-steps-")
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(os.RemoveAll(dir)).To(Succeed()) })
	Expect(os.Chmod(dir, 0o755)).To(Succeed()) //nolint:gosec // other users reach the proxy
	v := &victim{lab: "sweep"}
	v.Machine = labtest.StartMachine(ctx, image.New(e, lab.Images()...), name, append(more, "--tmpfs=/run", "--volume="+dir+":/steps",
		"--volume="+filepath.Join(labtest.Source(), "bin")+":/opt/skidpad:ro", "--entrypoint=tini", "engine", "--", "sh", "-c", supervised)...)
	v.steps = proxy(filepath.Join(dir, "engine.sock"), func() string { return "/proc/" + v.PID(context.Background()) + "/root/run/docker.sock" })
	text, err := os.ReadFile(filepath.Join("testdata", "sweep.yaml"))
	Expect(err).NotTo(HaveOccurred())
	Expect(os.WriteFile(filepath.Join(dir, "sweep.yaml"), text, 0o644)).To(Succeed()) //nolint:gosec // other users read the scenario
	p, err := lab.Draft(ctx, lab.Options{Scenario: load(filepath.Join("testdata", "sweep.yaml"))})
	Expect(err).NotTo(HaveOccurred())
	v.Load(ctx, append(p.Images, images...)...)
	v.foreign(ctx, true)
	v.clean = v.Read(ctx)
	return v
}

// foreign makes objects that are not the lab's. A machine without power loses the objects of its kernel.
func (v *victim) foreign(ctx context.Context, first bool) {
	GinkgoHelper()
	if first {
		v.docker(ctx, "network", "create", "foreign")
		v.docker(ctx, "run", "--detach", "--name=foreign", "--network=foreign", "--restart=always", "--entrypoint=sleep",
			strings.Fields(v.docker(ctx, "images", "--format={{.Repository}}:{{.Tag}}"))[0], "infinity")
	}
	for _, words := range []string{"ip route add 203.0.113.0/24 dev lo", "iptables --append FORWARD --source 203.0.113.0/24 --jump DROP"} {
		w := strings.Fields(words)
		Expect(v.Command(ctx, nil, w[0], w[1:]...).Run()).To(Succeed(), words)
	}
}

// skidpad makes a command of skidpad on the machine.
func (v *victim) skidpad(ctx context.Context, args ...string) *exec.Cmd {
	GinkgoHelper()
	return v.Command(ctx, []string{"DOCKER_HOST=unix:///steps/engine.sock"}, "/opt/skidpad/skidpad", args...)
}

// do runs a command of skidpad about the lab.
func (v *victim) do(ctx context.Context, args ...string) {
	GinkgoHelper()
	out, err := v.skidpad(ctx, append(args, "--name", v.lab)...).CombinedOutput()
	GinkgoWriter.Printf("skidpad %v\n%s", args, out)
	Expect(err).NotTo(HaveOccurred(), "skidpad %v\n%s", args, out)
}

// complete expects that `up` completes the lab, and that no fault is left.
func (v *victim) complete(ctx context.Context) {
	GinkgoHelper()
	v.do(ctx, "up", file)
	var faults []any
	Expect(labtest.Decode(v.skidpad(ctx, "fault", "list", "-o", "json", "--name", v.lab), &faults)).To(Succeed())
	Expect(faults).To(BeEmpty())
	Eventually(func() []string { return v.problems(ctx) }).WithTimeout(labtest.Patience(20*time.Second)).Should(BeEmpty(), "a session may flap on a busy machine")
}

// problems are the lab's, by `status`.
func (v *victim) problems(ctx context.Context) []string {
	GinkgoHelper()
	var st struct{ Problems []string }
	err := labtest.Decode(v.skidpad(ctx, "status", "-o", "json", "--name", v.lab), &st)
	if len(st.Problems) == 0 { // with problems, the exit code tells of them
		Expect(err).NotTo(HaveOccurred())
	}
	return st.Problems
}

// gone expects that `down` leaves nothing, and touches nothing of others.
func (v *victim) gone(ctx context.Context) {
	GinkgoHelper()
	out, err := v.skidpad(ctx, "down", "--all").CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), string(out))
	// The engine finishes an accepted request a little after the client is gone, and the kernel removes the interfaces of an
	// ended namespace a little later.
	Consistently(func() []string {
		return slices.DeleteFunc(v.left(ctx), func(line string) bool { return strings.Contains(line, "veth") })
	}).WithTimeout(time.Second).WithPolling(500 * time.Millisecond).Should(BeEmpty())
	Eventually(func() []string { return v.left(ctx) }).WithTimeout(labtest.Patience(10 * time.Second)).WithPolling(500 * time.Millisecond).Should(BeEmpty())
}

// left lists the differences from the machine without a lab. Since its first container in the host's network, such as an
// agent, the engine keeps a mount of that network's namespace.
func (v *victim) left(ctx context.Context) []string {
	GinkgoHelper()
	return slices.DeleteFunc(v.Read(ctx).Left(v.clean), func(line string) bool {
		return strings.Contains(line, " /run/docker/netns/default ") || v.restarted && slices.ContainsFunc([]string{"veth", "fe80:", "nsfs"}, func(part string) bool { return strings.Contains(line, part) })
	})
}

// kill is strike with the end of a process; target returns the process's ID. Without the process, the step is "".
func (v *victim) kill(cmd *exec.Cmd, at int, after bool, target func(*exec.Cmd) int) (int, string) {
	GinkgoHelper()
	killed := false
	n, where := v.steps.strike(cmd, at, after, func(cmd *exec.Cmd) {
		if pid := target(cmd); pid > 0 {
			killed = syscall.Kill(pid, syscall.SIGKILL) == nil
		}
	})
	if !killed {
		where = ""
	}
	return n, where
}

// agent is the agent's process on a machine.
func (v *victim) agent(*exec.Cmd) int {
	found, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, path := range found {
		if env, err := os.ReadFile(path); err == nil && strings.Contains("\x00"+string(env), "\x00SKIDPAD_AGENT="+v.lab+"\x00") {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			return pid
		}
	}
	return 0
}

// sweep is the kills of one command.
type sweep struct {
	what    string
	args    []string
	without bool // the command begins without the lab
	agent   bool // kills the agent of a command by a user without rights
	clear   bool // the fault stays by intention, and is cleared before `up`
	moments int
}

var sweeps = []sweep{
	{what: "up", args: []string{"up", file}, without: true, moments: 30},
	{what: "down", args: []string{"down"}, moments: 14},
	{what: "test", args: []string{"test", file}, moments: 14},
	{what: "fault --for", args: []string{"fault", "kill", "r2", "--for", "1s"}, moments: 12},
	{what: "fault", args: []string{"fault", "linkDown", "r1", "--network", "middle"}, clear: true, moments: 8},
	{what: "park", args: []string{"park"}, moments: 10},
	{what: "repro", args: []string{"repro", "frr-16658"}, without: true, moments: 12},
	{what: "the agent of fault --for", args: []string{"fault", "linkDown", "r1", "--network", "middle", "--for", "1s"}, agent: true, moments: 12},
}

// command is the swept command, by root or by a user who needs an agent.
func (s sweep) command(ctx context.Context, v *victim) *exec.Cmd {
	args := s.args
	if s.what != "repro" {
		args = append(args, "--name", v.lab)
	}
	if !s.agent {
		return v.skidpad(ctx, args...)
	}
	cmd := v.Command(ctx, []string{"DOCKER_HOST=unix:///steps/engine.sock", "XDG_STATE_HOME=/steps/state"}, "/opt/skidpad/skidpad", args...)
	cmd.Args = append([]string{"nsenter", "--setuid=65534", "--setgid=65534"}, cmd.Args[1:]...)
	return cmd
}

var _ = Describe("skidpad, killed at any step,", Label("lifecycle", "sweep", "slow"), Ordered, ContinueOnFailure, Serial, func() {
	var v *victim
	BeforeAll(func(ctx SpecContext) { v = newVictim(ctx, plan.Image{Name: "keepalived"}, plan.Image{Name: "frr"}) })

	for _, s := range sweeps {
		Context("in "+s.what, func() {
			var steps int
			prepare := func(ctx SpecContext) {
				GinkgoHelper()
				if s.without {
					v.do(ctx, "down")
				} else {
					v.do(ctx, "up", file, "--no-checks")
				}
				if v.steps.from = nil; s.agent {
					Expect(s.command(ctx, v).Run()).To(Succeed(), "the agent's program comes there")
					v.steps.from = func() bool { return v.agent(nil) > 0 }
				}
			}
			It("takes steps that can be counted", func(ctx SpecContext) {
				prepare(ctx)
				steps, _ = v.kill(s.command(ctx, v), 0, false, nil)
				AddReportEntry("steps", steps)
				Expect(steps).To(BeNumerically(">", 5))
				v.gone(ctx)
			})
			for i := range s.moments {
				It(fmt.Sprintf("at moment %d of %d, leaves a lab that `up` completes and `down` removes", i+1, s.moments), func(ctx SpecContext) {
					where := ""
					for at := 1 + i*(steps-1)/s.moments; where == "" && at > 0; at -= 1 + at/8 { // the number of looks varies with time
						prepare(ctx)
						target := labtest.Inside
						if s.agent {
							target = v.agent
						}
						_, where = v.kill(s.command(ctx, v), at, i%2 == 1, target)
						AddReportEntry("killed", fmt.Sprintf("%s: step %d of %d, %s", s.what, at, steps, where))
					}
					Expect(where).NotTo(BeEmpty(), "no step was reached with the process")
					if i/2%2 == 0 && s.what != "repro" {
						if s.clear {
							v.do(ctx, "fault", "clear", "--all")
						}
						v.complete(ctx)
					} else {
						v.gone(ctx)
					}
				})
			}
		})
	}
})
