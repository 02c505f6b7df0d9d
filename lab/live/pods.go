package live

import (
	"context"
	"fmt"

	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/scenario"
)

// enterPod runs a command in the network namespace of a workload's pod on the node where it runs: $0 names the
// workload. The files are the node's, so that the prober is there; the container's own image need not have a thing.
const enterPod = `pod=$(crictl pods --state Ready --label app.kubernetes.io/name="$0" --latest -q) && [ -n "$pod" ] || ` +
	`{ echo "no pod of workload $0 is ready on this node" >&2; exit 1; }; ` +
	`pid=$(crictl inspectp -o go-template --template '{{.info.pid}}' "$pod") && exec nsenter --net=/proc/"$pid"/ns/net -- "$@"`

// pod is a workload's pod on one node as a place to send from: commands run in its network namespace. Which pod that
// is, is found anew for each command, so that a pod that was replaced is no error.
type pod struct {
	name, workload string
	on             *docker.Container
}

var _ node.Node = (*pod)(nil)

// pod finds the origin that a name such as pod/echo@worker means; nil where the name is none of a pod.
func (l *Lab) pod(name string) (node.Node, error) {
	origin, ok := scenario.ParsePodOrigin(name)
	if !ok {
		return nil, nil
	}
	for _, w := range l.Plan.Workloads {
		if w.Name != origin.Workload {
			continue
		}
		if n, ok := l.Plan.Places().Of(node.KindCluster).Find(origin.Node); ok {
			return &pod{name: name, workload: w.Name, on: l.engine.Node(n.Name, n.Kind, n.Container)}, nil
		}
		return nil, fmt.Errorf("lab %s has no cluster node %q to look for a pod on", l.Plan.Lab, origin.Node)
	}
	return nil, fmt.Errorf("lab %s has no workload %q", l.Plan.Lab, origin.Workload)
}

// Name is the name as asked for: pod/echo@worker.
func (p *pod) Name() string { return p.name }

// Kind says that it is a pod.
func (p *pod) Kind() node.Kind { return node.KindPod }

// Exec runs a command of the node's in the pod's network namespace.
func (p *pod) Exec(ctx context.Context, cmd ...string) ([]byte, error) {
	return p.on.Exec(ctx, p.inside(cmd)...)
}

// ExecInput is Exec with standard input.
func (p *pod) ExecInput(ctx context.Context, stdin []byte, cmd ...string) ([]byte, error) {
	return p.on.ExecInput(ctx, stdin, p.inside(cmd)...)
}

func (p *pod) inside(cmd []string) []string {
	return append([]string{"sh", "-c", enterPod, p.workload}, cmd...)
}
