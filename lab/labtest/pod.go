package labtest

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab/node"
)

// inPod runs commands in a pod's network namespace, with the programs of its cluster node: an image with a single
// static program has no other programs.
type inPod struct {
	node.Node
	pod string
	pid int
}

// Name returns the pod's name.
func (p inPod) Name() string { return p.pod }

// Exec runs a command to its end.
func (p inPod) Exec(ctx context.Context, cmd ...string) ([]byte, error) {
	return p.Node.Exec(ctx, p.enter(cmd)...)
}

// ExecInput is Exec with standard input.
func (p inPod) ExecInput(ctx context.Context, stdin []byte, cmd ...string) ([]byte, error) {
	return p.Node.ExecInput(ctx, stdin, p.enter(cmd)...)
}

func (p inPod) enter(cmd []string) []string {
	return append([]string{"nsenter", "--net", "--target", strconv.Itoa(p.pid), "--"}, cmd...)
}

// InPod returns a node for packets from a pod, on the cluster node of the given name.
func (l *Lab) InPod(ctx context.Context, pod, on string) node.Node {
	ginkgo.GinkgoHelper()
	n, err := l.Node(on)
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	pid, err := sandbox(ctx, n, pod)
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	return inPod{n, pod, pid}
}

// sandbox returns the process that keeps a pod's namespaces.
func sandbox(ctx context.Context, n node.Node, pod string) (int, error) {
	out, err := n.Exec(ctx, "crictl", "pods", "--quiet", "--state", "Ready", "--name", pod)
	if err != nil {
		return 0, err
	}
	ids := strings.Fields(string(out))
	if len(ids) != 1 {
		return 0, fmt.Errorf("%s: %d sandboxes of pod %s are ready, wanted one", n.Name(), len(ids), pod)
	}
	out, err = n.Exec(ctx, "crictl", "inspectp", "--output", "go-template", "--template", "{{.info.pid}}", ids[0])
	if err != nil {
		return 0, err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil || pid == 0 {
		return 0, fmt.Errorf("%s: process of pod %s: seen %q", n.Name(), pod, out)
	}
	return pid, nil
}
