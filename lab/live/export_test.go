package live

import (
	"context"

	"skidpad.dev/skidpad/lab/cluster"
	"skidpad.dev/skidpad/lab/plan"
)

// For the tests, which are outside of the package: the list of all members imports this package.
var SetGracefulRestart = setGracefulRestart

// ApplyNodeSpeaker gives the addon that speaks BGP on the nodes the configuration of a plan.
func ApplyNodeSpeaker(ctx context.Context, l *Lab, kube *cluster.Kube, p *plan.Plan) error {
	return l.applyNodeSpeaker(ctx, kube, p)
}
