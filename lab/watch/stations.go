package watch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/router"
)

// stations are the BMP stations added to routers. The end of the watch removes these stations.
type stations struct {
	mu   sync.Mutex
	told []station
}

type station struct {
	router string
	port   int
	by     router.Exporter
}

func (s *stations) add(told station) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.ContainsFunc(s.told, func(t station) bool { return t.router == told.router && t.port == told.port }) {
		s.told = append(s.told, told)
	}
}

// takeBack removes all stations. A stopped router has lost the station already.
func (s *stations) takeBack(ctx context.Context) error {
	s.mu.Lock()
	told := s.told
	s.told = nil
	s.mu.Unlock()
	errs := make([]error, len(told))
	var all sync.WaitGroup
	for i, t := range told {
		all.Go(func() {
			var exit *node.ExitError
			if err := t.by.RemoveStation(ctx, t.port); err != nil && (ctx.Err() != nil || errors.As(err, &exit)) {
				errs[i] = fmt.Errorf("router %s: taking its BMP station at port %d back: %w", t.router, t.port, err)
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}
