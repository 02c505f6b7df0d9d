package fault

import (
	"context"
	"errors"

	"skidpad.dev/skidpad/lab/cluster"
)

// api opens the cluster's API.
func (in *Injector) api(ctx context.Context) (*cluster.Kube, error) {
	if in.kube == nil {
		return nil, errors.New("lab bug: this fault needs the cluster's API, and the injector was made without it")
	}
	return in.kube(ctx)
}
