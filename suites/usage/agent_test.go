package usage_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/labtest"
	"skidpad.dev/skidpad/lab/scenario"
	"skidpad.dev/skidpad/lab/timeline"
)

// socket is the engine's; a user of its group may use the engine.
const socket = "/var/run/docker.sock"

// nobody is a user ID without any right of its own.
const nobody = 65534

// user runs bin/skidpad as a user who may use the engine and nothing else.
type user struct {
	home, program, lab string
	env                []string
	group              uint32
}

// newUser gives the user a folder with a copy of the program.
func newUser(lab string) *user {
	GinkgoHelper()
	info, err := os.Stat(socket)
	Expect(err).NotTo(HaveOccurred())
	home, err := os.MkdirTemp("", "skidpad-user-")
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(os.RemoveAll(home)).To(Succeed()) })
	u := &user{home: home, program: filepath.Join(home, "skidpad"), lab: lab, group: info.Sys().(*syscall.Stat_t).Gid}
	program, err := os.ReadFile(filepath.Join(labtest.Source(), "bin", "skidpad"))
	Expect(err).NotTo(HaveOccurred(), "`make build` makes the program")
	Expect(os.WriteFile(u.program, program, 0o755)).To(Succeed()) //nolint:gosec // another user runs it
	Expect(os.Chown(home, nobody, nobody)).To(Succeed())
	u.env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "TMPDIR=" + home, "XDG_RUNTIME_DIR=" + home}
	return u
}

func (u *user) command(ctx SpecContext, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, u.program, append(args, "--name", u.lab)...)
	cmd.Dir, cmd.Env, cmd.Stderr = u.home, u.env, GinkgoWriter
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody, Groups: []uint32{u.group}}}
	return cmd
}

// run returns what a command writes.
func (u *user) run(ctx SpecContext, args ...string) []byte {
	GinkgoHelper()
	out, err := u.command(ctx, args...).Output()
	Expect(err).NotTo(HaveOccurred(), "skidpad %s\n%s", strings.Join(args, " "), out)
	return out
}

// made is a fault as `skidpad fault -o json` writes it.
type made struct {
	ID          string
	Began, Held int64
}

// inForce lists the lab's faults.
func (u *user) inForce(ctx SpecContext) (list []made) {
	GinkgoHelper()
	Expect(json.Unmarshal(u.run(ctx, "fault", "list", "-o", "json"), &list)).To(Succeed())
	return list
}

// late forwards connections to the engine; all bytes arrive later, both ways. The result is the address.
func late(by time.Duration) string {
	GinkgoHelper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(l.Close)
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("unix", socket)
			if err != nil {
				_ = in.Close()
				continue
			}
			go carry(in, out, by)
			go carry(out, in, by)
		}
	}()
	return "tcp://" + l.Addr().String()
}

// carry copies bytes, each after its time, and then the end.
func carry(to, from net.Conn, by time.Duration) {
	type parcel struct {
		due  time.Time
		data []byte
	}
	way := make(chan parcel, 1<<16)
	go func() {
		defer close(way)
		for {
			data := make([]byte, 32<<10)
			n, err := from.Read(data)
			way <- parcel{time.Now().Add(by), data[:n]}
			if err != nil {
				return
			}
		}
	}()
	for p := range way {
		time.Sleep(time.Until(p.due))
		if _, err := to.Write(p.data); err != nil {
			break
		}
	}
	if half, ok := to.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}

// eventsOf returns the events of some kinds that `skidpad watch` shows.
func eventsOf(out []byte, kinds ...string) (events []timeline.Event) {
	GinkgoHelper()
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var e timeline.Event
		if err := dec.Decode(&e); err == io.EOF {
			return events
		} else if Expect(err).NotTo(HaveOccurred()); slices.Contains(kinds, e.Kind) {
			events = append(events, e)
		}
	}
}

var _ = Describe("A user of the engine who is not root", Label("usage"), Ordered, Serial, func() {
	var l *labtest.Lab
	var u *user
	BeforeAll(func(ctx SpecContext) {
		if os.Geteuid() != 0 {
			Skip("only root can become another user")
		}
		s, err := scenario.Load(filepath.Join(labtest.Source(), "scenarios", "frr-bfd", "scenario.yaml"), lab.Kinds())
		Expect(err).NotTo(HaveOccurred())
		l = labtest.Up(ctx, "user", s)
		// The README's commands name no lab.
		DeferCleanup(func(ctx SpecContext) {
			_, err := lab.Down(ctx, l.Plan.Lab)
			Expect(err).NotTo(HaveOccurred())
		})
		u = newUser(l.Plan.Lab)
	})

	It("breaks a link, sees the fault in the list, and clears the fault", func(ctx SpecContext) {
		var f made
		Expect(json.Unmarshal(u.run(ctx, "fault", "linkDown", "r1", "--network", "middle", "-o", "json"), &f)).To(Succeed())
		Expect(u.inForce(ctx)).To(HaveExactElements(f))
		u.run(ctx, "fault", "clear", "--all")
		Expect(u.inForce(ctx)).To(BeEmpty())
	})

	It("leaves no fault in force when the command that holds the fault is killed", func(ctx SpecContext) {
		cmd := u.command(ctx, "fault", "linkDown", "r1", "--network", "middle", "--for", "5m")
		Expect(cmd.Start()).To(Succeed())
		Eventually(func() []made { return u.inForce(ctx) }).WithTimeout(30 * time.Second).WithPolling(300 * time.Millisecond).Should(HaveLen(1))
		Expect(cmd.Process.Kill()).To(Succeed())
		_ = cmd.Wait() // it was killed
		Eventually(func() []made { return u.inForce(ctx) }).WithTimeout(30 * time.Second).WithPolling(300 * time.Millisecond).Should(BeEmpty())
	})

	It("captures packets into an own file", func(ctx SpecContext) {
		u.run(ctx, "capture", "--network", "middle", "--for", "2s", "-w", "middle.pcapng")
		info, err := os.Stat(filepath.Join(u.home, "middle.pcapng"))
		Expect(err).NotTo(HaveOccurred())
		Expect(info.Sys().(*syscall.Stat_t).Uid).To(BeEquivalentTo(nobody))
		Expect(info.Size()).To(BeNumerically(">", 1000), "BFD sends 20 packets a second")
	})

	It("gets the stamps of the engine's machine over a line that is 200 ms late both ways", func(ctx SpecContext) {
		far := *u
		far.env = append(far.env, "DOCKER_HOST="+late(200*time.Millisecond))
		// Root watches without an agent and without the line; the user watches and breaks over the line.
		direct := exec.CommandContext(ctx, u.program, "watch", "--lane", "node,fault", "-o", "json", "--name", u.lab)
		over := far.command(ctx, "watch", "--lane", "node", "-o", "json")
		var seen, seenFar bytes.Buffer
		ready := new(sync.WaitGroup)
		for cmd, out := range map[*exec.Cmd]*bytes.Buffer{direct: &seen, over: &seenFar} {
			cmd.Stdout, cmd.Stderr = out, nil
			said, err := cmd.StderrPipe()
			Expect(err).NotTo(HaveOccurred())
			Expect(cmd.Start()).To(Succeed())
			ready.Go(func() { _, _ = io.ReadFull(said, make([]byte, len("watching lab"))) })
			DeferCleanup(func() { _ = cmd.Process.Kill() })
		}
		ready.Wait()
		var f made
		Expect(json.Unmarshal(far.run(ctx, "fault", "linkDown", "r1", "--network", "middle", "--for", "500ms", "-o", "json"), &f)).To(Succeed())
		for _, cmd := range []*exec.Cmd{over, direct} {
			Expect(cmd.Process.Signal(os.Interrupt)).To(Succeed())
			_ = cmd.Wait() // its exit code tells of the interrupt
		}
		AddReportEntry("injection took", time.Duration(f.Held-f.Began).String())
		events, farEvents := eventsOf(seen.Bytes(), "link-down", "link-up"), eventsOf(seenFar.Bytes(), "link-down", "link-up")
		Expect(events).To(HaveLen(2), "r1's link goes down and up")
		Expect(farEvents).To(HaveLen(2))
		Expect(eventsOf(seen.Bytes(), "inject", "clear")).To(HaveLen(2), "root sees the user's fault, which the agent makes")
		// A stamp of this end of the line would be 200 ms off. On a busy machine each watch gets the CPU some milliseconds late.
		within := int64(100 * time.Millisecond)
		Expect(events[0].At).To(And(BeNumerically(">=", f.Began), BeNumerically("<=", f.Held+within)))
		for i, e := range events {
			AddReportEntry("difference "+e.Kind, time.Duration(farEvents[i].At-e.At).String())
			Expect(farEvents[i].At).To(BeNumerically("~", e.At, within), strconv.Itoa(i))
		}
	})
})
