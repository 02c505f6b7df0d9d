package signal

import (
	"context"
	"fmt"
	"strings"

	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/probe"
)

// Place is where a step or a signal runs something: a node, or the network of a workload's pod.
func (r *Run) Place(ctx context.Context, name string) (node.Node, error) {
	pod, ok := strings.CutPrefix(name, "pod/")
	if !ok {
		return r.Lab.Node(name)
	}
	workload, on, _ := strings.Cut(pod, "@")
	e, err := r.Lab.Endpoints(ctx, workload)
	if err != nil {
		return nil, err
	}
	origin, err := podOrigin(workload, on, e)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return r.Lab.Node(origin)
}

// podOrigin names the first of a workload's pods, on a node if one is given, as pod/W@NODE. The pod's IP families do not matter.
func podOrigin(workload, on string, e probe.Endpoints) (string, error) {
	for _, p := range e.Pods {
		if (on == "" || p.Node == on) && len(p.IPs) > 0 {
			return "pod/" + workload + "@" + p.Node, nil
		}
	}
	return "", fmt.Errorf("the workload has no such pod now")
}
