package fleet_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"skidpad.dev/skidpad/lab/fault"
	"skidpad.dev/skidpad/lab/fleet"
	"skidpad.dev/skidpad/lab/labtest"
)

const namespace = "skidpad-fleet"

// routersOnly are the specs of suites/bgp without a cluster.
const routersOnly = "!cilium && !slow"

// call is a call of `skidpad run` on the lab's cluster.
type call struct {
	*labtest.Lab
	dir, program, kubeconfig string
}

func (c *call) command(ctx SpecContext, args ...string) (*exec.Cmd, *gbytes.Buffer) {
	cmd := exec.CommandContext(ctx, c.program, append([]string{"run", "--on", "kubernetes", "--kubeconfig", c.kubeconfig, "--cpu", "400m", "--memory", "1Gi", "--reports", c.dir, "-o", "json"}, args...)...)
	cmd.Dir = labtest.Source()
	seen := gbytes.NewBuffer()
	cmd.Stderr = seen
	DeferCleanup(func() { GinkgoWriter.Printf("%s\n", seen.Contents()) })
	return cmd, seen
}

// summary returns the report of a call that ended. A noisy machine may make verdicts unknown.
func summary(err error, out []byte) fleet.Summary {
	GinkgoHelper()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		Expect(exit.ExitCode()).To(Equal(fleet.Unknown), "%s", out)
	} else {
		Expect(err).NotTo(HaveOccurred())
	}
	var s fleet.Summary
	Expect(json.Unmarshal(out, &s)).To(Succeed())
	return s
}

// shards are the running pods of shards.
func (c *call) shards(ctx SpecContext) []corev1.Pod {
	GinkgoHelper()
	list, err := c.Kube.Client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: fleet.LabelRun + ",batch.kubernetes.io/job-completion-index"})
	Expect(err).NotTo(HaveOccurred())
	return slices.DeleteFunc(list.Items, func(p corev1.Pod) bool {
		return p.Status.Phase != corev1.PodRunning || p.DeletionTimestamp != nil
	})
}

// refused runs a call that must fail with a text.
func (c *call) refused(ctx SpecContext, want string, args ...string) {
	GinkgoHelper()
	cmd, seen := c.command(ctx, args...)
	Expect(cmd.Run()).NotTo(Succeed())
	Expect(cmd.ProcessState.ExitCode()).To(Equal(fleet.NoLab))
	Expect(string(seen.Contents())).To(ContainSubstring(want))
}

// isGone reports whether nothing of the runs is in the cluster. For Eventually.
func (c *call) isGone(ctx SpecContext) func() bool {
	return func() bool {
		_, err := c.Kube.Client.CoreV1().Namespaces().Get(ctx, namespace, metav1.GetOptions{})
		return apierrors.IsNotFound(err)
	}
}

// cordon sets whether a node takes new pods.
func (c *call) cordon(ctx SpecContext, name string, yes bool) error {
	n, err := c.Kube.Client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	n.Spec.Unschedulable = yes
	_, err = c.Kube.Client.CoreV1().Nodes().Update(ctx, n, metav1.UpdateOptions{})
	return err
}

var _ = Describe("A fleet on the cluster of a lab", Label("fleet", "slow"), Ordered, Serial, func() {
	var c call
	tasks := []string{"frr-bfd", "frr-16658", "frr-16995"}
	BeforeAll(func(ctx SpecContext) {
		c = call{Lab: labtest.Open(ctx, "cilium-bgp-vrrp"), dir: GinkgoT().TempDir(), program: filepath.Join(labtest.Source(), "bin", "skidpad")}
		var err error
		c.kubeconfig, err = c.Kubeconfig()
		Expect(err).NotTo(HaveOccurred())
	})
	BeforeEach(func(ctx SpecContext) { c.Lab = labtest.Open(ctx, "cilium-bgp-vrrp") })
	AfterAll(func(ctx SpecContext) {
		cmd, _ := c.command(ctx, "--clean")
		_, err := cmd.Output()
		Expect(err).NotTo(HaveOccurred())
	})

	It("removes everything on Ctrl-C, goes on where it stopped, and merges one report", func(ctx SpecContext) {
		cmd, seen := c.command(ctx, append(tasks, "--shards", "2", "--name", "stopped")...)
		Expect(cmd.Start()).To(Succeed())
		Eventually(ctx, seen).WithTimeout(5 * time.Minute).Should(gbytes.Say(`\(1 of 3\)`))
		busy, _ := c.command(ctx, append(tasks, "--name", "stopped")...)
		Expect(busy.Run()).NotTo(Succeed())
		Expect(busy.ProcessState.ExitCode()).To(Equal(fleet.Misused), "two calls of one name")
		Expect(cmd.Process.Signal(syscall.SIGINT)).To(Succeed())
		Expect(cmd.Wait()).NotTo(Succeed())
		Eventually(ctx, c.isGone(ctx)).WithTimeout(time.Minute).Should(BeTrue(), "the namespace must go")
		before, err := fleet.Results(filepath.Join(c.dir, "fleet", "stopped"))
		Expect(err).NotTo(HaveOccurred())
		Expect(before).NotTo(BeEmpty())

		again, _ := c.command(ctx, append(tasks, "--shards", "3", "--name", "stopped")...)
		out, err := again.Output()
		s := summary(err, out)
		Expect(s.Tasks).To(HaveLen(3))
		Expect(s.Missing).To(BeEmpty())
		for _, t := range s.Tasks {
			if was, ok := before[t.Task.Name]; ok {
				Expect(t.Pod).To(Equal(was.Pod), "%s must not run again", t.Task.Name)
			}
		}
		for _, file := range []string{"report.html", "junit.xml", "report.json"} {
			Expect(filepath.Join(c.dir, "fleet", "stopped", file)).To(BeARegularFile())
		}
		Eventually(ctx, c.isGone(ctx)).WithTimeout(time.Minute).Should(BeTrue())
	}, SpecTimeout(8*time.Minute))

	It("loses nothing but the running task when a pod is killed or a node is drained", func(ctx SpecContext) {
		cmd, seen := c.command(ctx, append(tasks, "--shards", "2", "--name", "lost")...)
		out := gbytes.NewBuffer()
		cmd.Stdout = out
		Expect(cmd.Start()).To(Succeed())
		Eventually(ctx, func() int { return len(c.shards(ctx)) }).WithTimeout(5 * time.Minute).Should(Equal(2))
		Eventually(ctx, seen).WithTimeout(time.Minute).Should(gbytes.Say("task 1 of"))
		victim, other := c.shards(ctx)[0], c.shards(ctx)[1]
		now := int64(0)
		Expect(c.Kube.Client.CoreV1().Pods(namespace).Delete(ctx, victim.Name, metav1.DeleteOptions{GracePeriodSeconds: &now})).To(Succeed())

		Expect(c.cordon(ctx, other.Spec.NodeName, true)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { Expect(c.cordon(ctx, other.Spec.NodeName, false)).To(Succeed()) })
		Expect(c.Kube.Client.CoreV1().Pods(namespace).EvictV1(ctx, &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Name: other.Name, Namespace: namespace}})).To(Succeed())
		s := summary(cmd.Wait(), out.Contents())
		AddReportEntry("lost", s.Lost)
		Expect(s.Missing).To(BeEmpty())
		Expect(s.Tasks).To(HaveLen(3))
		Expect(s.Lost).NotTo(BeEmpty())
		for _, t := range s.Tasks {
			Expect(t.Pod).NotTo(Equal(victim.Name), "the killed pod had no result")
		}
		Expect(s.Lost).To(ContainElement(HaveField("Pod", other.Name)), "the drained pod")
	}, SpecTimeout(8*time.Minute))

	It("runs a suite's files in four shards", func(ctx SpecContext) {
		cmd, _ := c.command(ctx, "./suites/bgp", "--label", routersOnly, "--shards", "4", "--name", "four")
		out, err := cmd.Output()
		s := summary(err, out)
		Expect(s.Missing).To(BeEmpty())
		Expect(s.Lost).To(BeEmpty())
		var pods []string
		took := time.Duration(0)
		for _, t := range s.Tasks {
			Expect(t.Code).To(Or(Equal(fleet.Held), Equal(fleet.Unknown)), "%s", t.Task.Name)
			pods, took = append(pods, t.Pod), took+t.Took
		}
		slices.Sort(pods)
		Expect(slices.Compact(pods)).To(HaveLen(4), "each shard has tasks")
		AddReportEntry("time", fmt.Sprintf("%d tasks of %s in all", len(s.Tasks), took))
	}, SpecTimeout(15*time.Minute))

	It("goes on when the API answers again", func(ctx SpecContext) {
		cmd, seen := c.command(ctx, "frr-bfd", "--shards", "1", "--name", "api")
		out := gbytes.NewBuffer()
		cmd.Stdout = out
		Expect(cmd.Start()).To(Succeed())
		Eventually(ctx, seen).WithTimeout(5 * time.Minute).Should(gbytes.Say("task 1 of"))
		frozen := c.Inject(ctx, &fault.Pause{Node: "control-plane"})
		began := time.Now()
		Eventually(ctx, func() time.Duration { return time.Since(began) }).WithTimeout(time.Minute).Should(BeNumerically(">", 20*time.Second))
		Expect(frozen.Clear(ctx)).To(Succeed())
		s := summary(cmd.Wait(), out.Contents())
		Expect(s.Missing).To(BeEmpty())
		Expect(s.Lost).To(BeEmpty(), "the shard never noticed")
		Eventually(ctx, c.isGone(ctx)).WithTimeout(time.Minute).Should(BeTrue())
	}, SpecTimeout(8*time.Minute))

	It("makes nothing where privileged pods are forbidden, and where no node has room", func(ctx SpecContext) {
		own := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "restricted", Labels: map[string]string{"pod-security.kubernetes.io/enforce": "baseline"}}}
		_, err := c.Kube.Client.CoreV1().Namespaces().Create(ctx, own, metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func(ctx SpecContext) {
			Expect(c.Kube.Client.CoreV1().Namespaces().Delete(ctx, own.Name, metav1.DeleteOptions{})).To(Succeed())
		})
		c.refused(ctx, "want a namespace that permits privileged pods", "frr-bfd", "--namespace", own.Name)
		for _, list := range []func() (int, error){
			func() (int, error) {
				l, err := c.Kube.Client.CoreV1().Pods(own.Name).List(ctx, metav1.ListOptions{})
				return len(l.Items), err
			},
			func() (int, error) {
				l, err := c.Kube.Client.CoordinationV1().Leases(own.Name).List(ctx, metav1.ListOptions{})
				return len(l.Items), err
			},
		} {
			Expect(list()).To(BeZero(), "objects in the user's namespace")
		}
		c.refused(ctx, "has no room", "frr-bfd", "--memory", "900Gi")
		Eventually(ctx, c.isGone(ctx)).WithTimeout(time.Minute).Should(BeTrue())
	}, SpecTimeout(8*time.Minute))
})
