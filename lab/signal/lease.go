package signal

import (
	"context"

	"skidpad.dev/skidpad/lab/scenario"
)

// Lease names a workload and shows the node that announces the workload's addresses by ARP: the holder of the lease of
// Cilium or kube-vip; with MetalLB, which has no lease, the node that answers.
type Lease string

// JudgedBy is a name.
func (Lease) JudgedBy() scenario.Judgement { return scenario.ByContent }

// SetDefaults has nothing to fill in.
func (Lease) SetDefaults(*scenario.Spec) {}

// Validate checks that the workload exists.
func (s Lease) Validate(v *scenario.Validation, path string) { v.Workload(path, string(s)) }

// Read asks the lab.
func (s Lease) Read(ctx context.Context, r *Run) (Value, error) {
	holder, err := r.Lab.Announcer(ctx, string(s))
	return Texts(holder), err
}
