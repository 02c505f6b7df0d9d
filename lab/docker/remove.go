package docker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/moby/moby/client"

	"skidpad.dev/skidpad/lab/wait"
)

// removeDeadline limits Remove; otherwise an engine that hangs would also hang `down`.
const removeDeadline = 2 * time.Minute

// The engine must list no object of a lab for this time before the lab counts as gone. The last request of a
// killed `up` may still be in progress, and the engine lists the object only once made. A lab without changes
// within the last minute needs only settleOld.
const (
	settleYoung = 1500 * time.Millisecond
	settleOld   = 200 * time.Millisecond
	young       = time.Minute
)

// Remove removes a whole lab, in any state, and returns the removed objects: processes left behind by a killed
// `up`, containers with their anonymous volumes, networks, volumes. Remove selects only by labels, touches
// nothing of other labs, and ends when the engine lists no more objects. A lab that does not exist is no
// error. A foreign container on one of the lab's networks is only disconnected.
func (e *Engine) Remove(ctx context.Context, lab string) ([]string, error) {
	if lab == "" {
		return nil, errors.New("lab bug: Remove was called without a lab's name")
	}
	ctx, cancel := context.WithTimeout(ctx, removeDeadline)
	defer cancel()
	// If a process cannot be killed, the removal continues: a later pass finds objects that the process still
	// makes.
	removed, orphanErr := endOrphans(ctx, "/proc", lab)
	s := &sweep{engine: e, removed: removed}
	var quietSince time.Time
	err := wait.Until(ctx, wait.For{What: "nothing is left", Every: settleOld / 4}, func(ctx context.Context) error {
		left, err := s.pass(ctx, lab)
		switch {
		case err != nil || len(left) > 0:
			quietSince = time.Time{}
			return errors.Join(fmt.Errorf("left: %s", strings.Join(left, ", ")), err)
		case quietSince.IsZero():
			quietSince = time.Now()
		case time.Since(quietSince) >= s.settle():
			return nil
		}
		return errors.New("nothing for a moment, which may not last")
	})
	if err != nil {
		return s.removed, fmt.Errorf("lab %s: not all of it could be removed: %w; run `skidpad down --name %s` again", lab, errors.Join(err, orphanErr), lab)
	}
	return s.removed, orphanErr
}

// sweep collects the removed objects, from several goroutines.
type sweep struct {
	engine  *Engine
	mu      sync.Mutex
	removed []string
	newest  time.Time // creation time of the youngest object seen
}

// settle returns the time for which the engine must list no object.
func (s *sweep) settle() time.Duration {
	if s.newest.IsZero() || time.Since(s.newest) < young {
		return settleYoung
	}
	return settleOld
}

func (s *sweep) see(made time.Time) {
	if made.After(s.newest) {
		s.newest = made
	}
}

func (s *sweep) note(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Contains(s.removed, what) {
		s.removed = append(s.removed, what)
	}
}

// pass removes the lab's objects that the engine lists, and returns the objects seen and the errors.
func (s *sweep) pass(ctx context.Context, lab string) (seen []string, err error) {
	containers, err := s.engine.Containers(ctx, lab)
	if err != nil {
		return nil, err
	}
	var errs []error
	errs = append(errs, each(containers, func(c Info) error { return s.removeContainer(ctx, c) }))
	networks, err := s.engine.Networks(ctx, lab)
	if err != nil {
		return nil, err
	}
	errs = append(errs, each(networks, func(n NetInfo) error { return s.removeNetwork(ctx, n) }))
	volumes, err := s.engine.Client.VolumeList(ctx, client.VolumeListOptions{Filters: labelled(LabelLab, lab)})
	if err != nil {
		return nil, fmt.Errorf("lab %s: listing its volumes: %w", lab, err)
	}
	for _, v := range volumes.Items {
		seen = append(seen, "volume "+v.Name)
		_, err := s.engine.Client.VolumeRemove(ctx, v.Name, client.VolumeRemoveOptions{Force: true})
		errs = append(errs, s.verdict("volume "+v.Name, err))
	}
	for _, c := range containers {
		s.see(c.Created)
		seen = append(seen, fmt.Sprintf("container %s (%s)", c.Name, c.State))
	}
	for _, n := range networks {
		s.see(n.Created)
		seen = append(seen, "network "+n.Name)
	}
	return seen, errors.Join(errs...)
}

// each applies do to all items at once and joins the errors.
func each[T any](items []T, do func(T) error) error {
	errs := make([]error, len(items))
	var wg sync.WaitGroup
	for i, item := range items {
		wg.Go(func() { errs[i] = do(item) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// verdict records a removed object. An object that another process removed or is removing is no error: the
// next listing shows whether the object is gone.
func (s *sweep) verdict(what string, err error) error {
	switch {
	case err == nil, notFound(err):
		s.note(what)
		return nil
	case strings.Contains(err.Error(), "already in progress"):
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

func (s *sweep) removeContainer(ctx context.Context, c Info) error {
	_, err := s.engine.Client.ContainerRemove(ctx, c.ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
	return s.verdict("container "+c.Name, err)
}

// removeNetwork removes a network, after disconnecting the remaining holders: an endpoint of a removed
// container, or a foreign container.
func (s *sweep) removeNetwork(ctx context.Context, n NetInfo) error {
	defer portsOf(n.Bridge)()
	_, err := s.engine.Client.NetworkRemove(ctx, n.ID, client.NetworkRemoveOptions{})
	if err == nil || notFound(err) {
		return s.verdict("network "+n.Name, err)
	}
	held, inspectErr := s.engine.Client.NetworkInspect(ctx, n.ID, client.NetworkInspectOptions{})
	if inspectErr != nil {
		return fmt.Errorf("network %s: %w", n.Name, errors.Join(err, inspectErr))
	}
	for id, endpoint := range held.Network.Containers {
		// The engine finds the endpoint of a removed container only by name.
		for _, holder := range []string{id, endpoint.Name} {
			if _, err := s.engine.Client.NetworkDisconnect(ctx, n.ID, client.NetworkDisconnectOptions{Container: holder, Force: true}); err == nil {
				s.note(fmt.Sprintf("endpoint %s on network %s", endpoint.Name, n.Name))
				break
			}
		}
	}
	_, err = s.engine.Client.NetworkRemove(ctx, n.ID, client.NetworkRemoveOptions{})
	return s.verdict("network "+n.Name, err)
}
