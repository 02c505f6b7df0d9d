package repro

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"skidpad.dev/skidpad/lab/node"
)

// place is where a step or a signal runs something: a node, or the network of a workload's pod.
func (r *runner) place(ctx context.Context, name string) (node.Node, error) {
	pod, ok := strings.CutPrefix(name, "pod/")
	if !ok {
		return r.lab.Node(name)
	}
	workload, on, _ := strings.Cut(pod, "@")
	e, err := r.lab.Endpoints(ctx, workload)
	if err != nil {
		return nil, err
	}
	for _, p := range e.Pods {
		if on != "" && p.Node != on || len(p.IPs) == 0 {
			continue
		}
		n, err := r.lab.Node(p.Node)
		if err != nil {
			return nil, err
		}
		return inPod(ctx, n, p.Name, p.IPs[0].String())
	}
	return nil, fmt.Errorf("%s: the workload has no such pod now", name)
}

// pod is a cluster node, seen from within the network of one of its pods.
type pod struct {
	node.Node
	name, netns string
}

// findNetns prints which network namespace of a node has an address. A CNI plugin is given them in /run/netns.
const findNetns = `for n in /run/netns/*; do ip -n "${n##*/}" -4 -o addr show | grep -q "inet $0/" && echo "${n##*/}" && exit 0; done; exit 1`

func inPod(ctx context.Context, n node.Node, name, address string) (node.Node, error) {
	out, err := n.Exec(ctx, "sh", "-c", findNetns, address)
	if err != nil {
		return nil, fmt.Errorf("pod %s: no network namespace on %s has its address %s: %w", name, n.Name(), address, err)
	}
	return &pod{Node: n, name: name, netns: strings.TrimSpace(string(out))}, nil
}

func (p *pod) Name() string { return p.name }

func (p *pod) Exec(ctx context.Context, cmd ...string) ([]byte, error) {
	return p.Node.Exec(ctx, slices.Concat([]string{"ip", "netns", "exec", p.netns}, cmd)...)
}

func (p *pod) ExecInput(ctx context.Context, stdin []byte, cmd ...string) ([]byte, error) {
	return p.Node.ExecInput(ctx, stdin, slices.Concat([]string{"ip", "netns", "exec", p.netns}, cmd)...)
}
