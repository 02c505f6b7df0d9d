package router

import "context"

// Configurer is a Router that takes lines of configuration in the software's own language while the router runs.
type Configurer interface {
	Configure(ctx context.Context, lines []string) error
}
