package live

import (
	"context"
	"fmt"

	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/scenario"
)

// enterPod runs a command in the network namespace of a workload's pod, on the pod's node: $0 is the workload's name.
// The files are the node's, because the node has the prober and the container's own image may lack any tool.
const enterPod = `pod=$(crictl pods --state Ready --label app.kubernetes.io/name="$0" --latest -q) && [ -n "$pod" ] || ` +
	`{ echo "no pod of workload $0 is ready on this node" >&2; exit 1; }; ` +
	`pid=$(crictl inspectp -o go-template --template '{{.info.pid}}' "$pod") && exec nsenter --net=/proc/"$pid"/ns/net -- "$@"`

// pod is a workload's pod on one node, as an origin of traffic: commands run in the pod's network namespace. Each
// command looks for the pod again, so a replaced pod is no error.
type pod struct {
	name, workload string
	on             *docker.Container
}

var _ node.Node = (*pod)(nil)

// pod finds the origin with a name in the form pod/echo@worker; nil if the name is no pod's name.
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

// Name returns the name from the request: pod/echo@worker.
func (p *pod) Name() string { return p.name }

// Kind returns node.KindPod.
func (p *pod) Kind() node.Kind { return node.KindPod }

// Exec runs a program of the node in the pod's network namespace.
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
