package scenario

import "time"

// What checks of the API mean where they say nothing.
const (
	DefaultWriteEvery = Duration(100 * time.Millisecond)
	DefaultJoinWithin = Duration(3 * time.Minute)
)

// API promises that the API takes writes again soon after a fault, within MaxOutage or within the bound that the
// configured timers give plus Tolerance, and that no write which it acknowledged is lost. Each write is a number, written
// through the same address as everybody's, over a connection of its own.
type API struct {
	// Name is what the result is called; default: the fault in words.
	Name  string `json:"name,omitempty"`
	Fault Fault  `json:"fault"`
	// Every is the pause between two writes, from 20 ms to 1 s; default 100 ms.
	Every     Duration `json:"every,omitempty"`
	MaxOutage Duration `json:"maxOutage,omitempty"`
	Tolerance Duration `json:"tolerance,omitempty"`
}

// Join promises that nodes join the running cluster by kubeadm, one after the other, and that the API takes writes all
// the while. They are taken out of it again afterwards.
type Join struct {
	Nodes  []string `json:"nodes,omitempty"`  // default: the cluster's joinLater
	Within Duration `json:"within,omitempty"` // for each to be Ready; default 3 m
}

func (a *API) setDefaults() { Or(&a.Every, DefaultWriteEvery) }

func (j *Join) setDefaults(spec *Spec) {
	Or(&j.Within, DefaultJoinWithin)
	if j.Nodes == nil && spec.Cluster != nil {
		j.Nodes = spec.Cluster.JoinLater
	}
}
