package addons_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/labtest"
	"skidpad.dev/skidpad/lab/scenario"
)

// own loads a scenario of testdata.
func own(file string) *scenario.Scenario {
	GinkgoHelper()
	s, err := scenario.Load("testdata/"+file, lab.Kinds())
	Expect(err).NotTo(HaveOccurred())
	return s
}

// data reads a ConfigMap in the namespace default.
func data(ctx context.Context, l *labtest.Lab, name string) map[string]string {
	GinkgoHelper()
	m, err := l.Kube.Client.CoreV1().ConfigMaps("default").Get(ctx, name, metav1.GetOptions{})
	Expect(err).NotTo(HaveOccurred())
	return m.Data
}

// silence drops the progress of a bring-up.
type silence struct{}

func (silence) Begin(string, string)             {}
func (silence) Note(string, string)              {}
func (silence) End(string, time.Duration, error) {}

// refused demands that `up` of a scenario fails and leaves no part of a lab.
func refused(ctx context.Context, file string) error {
	GinkgoHelper()
	s := own(file)
	name := labtest.Name(s.Metadata.Name)
	DeferCleanup(func(ctx SpecContext) { _, _ = lab.Down(ctx, name) })
	_, refusal := lab.Up(ctx, lab.Options{Name: name, Scenario: s, Images: image.Auto, Progress: silence{}})
	Expect(refusal).To(HaveOccurred())
	_, err := lab.Open(ctx, name)
	Expect(err).To(BeAssignableToTypeOf(&lab.NotFoundError{}), "no part of the lab stays after: %v", refusal)
	return refusal
}

var _ = Describe("Objects and charts of the user's own", Label("own", "addons", "slow"), func() {
	It("are ready when the lab is up, have addresses of the lab in their texts, and come back by a second `up`", func(ctx SpecContext) {
		s := own("own/scenario.yaml")
		l := labtest.Up(ctx, "own", s)
		apps := l.Kube.Client.AppsV1()
		client, _ := l.Plan.Named("client.fabric")
		bridge, _ := l.Plan.Named("fabric.host")
		worker, err := l.Fill(ctx, "@{worker.ip}")
		Expect(err).NotTo(HaveOccurred())
		service, err := l.Kube.Client.CoreV1().Services("default").Get(ctx, "echo", metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
		late := map[string]string{"worker": worker, "bridge": bridge}
		Expect(data(ctx, l, "late")).To(Equal(late))
		Expect(data(ctx, l, "inline")).To(Equal(map[string]string{"service": service.Spec.ClusterIP}))

		By("looking at the workloads, without a wait")
		web, err := apps.StatefulSets("shop").Get(ctx, "web", metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(web.Status.ReadyReplicas).To(BeEquivalentTo(2), "the number of replicas in the file of values")
		Expect(web.Spec.Template.Spec.Containers[0].Env).To(ConsistOf(HaveField("Value", client)), "the scenario's value is over the file's")
		everywhere, err := apps.DaemonSets("shop").Get(ctx, "everywhere", metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(everywhere.Status.NumberReady).To(BeEquivalentTo(1), "the only worker")

		By("deleting two objects, and bringing the lab up again")
		Expect(apps.Deployments("shop").Delete(ctx, "front", metav1.DeleteOptions{})).To(Succeed())
		Expect(l.Kube.Client.CoreV1().ConfigMaps("default").Delete(ctx, "late", metav1.DeleteOptions{})).To(Succeed())
		l = labtest.Up(ctx, "own", s)
		Expect(data(ctx, l, "late")).To(Equal(late))
		front, err := apps.Deployments("shop").Get(ctx, "front", metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(front.Status.AvailableReplicas).To(BeEquivalentTo(1))
	})

	It("that the API refuses end `up` with the file, the line and the API's words, and no part of the lab stays", Label("negative"), func(ctx SpecContext) {
		Expect(refused(ctx, "own/refused.yaml")).To(MatchError(And(
			ContainSubstring("testdata/own/wrong-port.yaml:7: Service"), ContainSubstring("99999"), ContainSubstring("what was begun is removed"))))
	})

	It("whose chart cannot be found end `up` before the lab has any part, with the file and the line", Label("negative"), func(ctx SpecContext) {
		Expect(refused(ctx, "own/no-chart.yaml")).To(MatchError(And(
			ContainSubstring("testdata/own/no-chart.yaml:11: chart web: "), ContainSubstring("Helm repository http://127.0.0.1:1"))))
	})
})
