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
)

// removeDeadline bounds Remove; an engine that hangs would else hang `down`.
const removeDeadline = 2 * time.Minute

// The engine must list nothing of a lab for so long before it counts as gone: what an `up` that was
// killed had asked for last may still be in the making, and is listed when it is made. A lab that
// nobody worked on within the last minute needs no such patience.
const (
	settleYoung = 1500 * time.Millisecond
	settleOld   = 200 * time.Millisecond
	young       = time.Minute
)

// Remove removes all of a lab, in whatever state it is, and returns what it removed: processes that a
// killed `up` left behind, containers with their anonymous volumes, networks, volumes. It goes by
// labels alone, touches nothing of other labs, and ends when the engine lists nothing more. A lab that
// is not there is no error. A foreign container on one of the lab's networks is only disconnected.
func (e *Engine) Remove(ctx context.Context, lab string) ([]string, error) {
	if lab == "" {
		return nil, errors.New("lab bug: Remove was called without a lab's name")
	}
	ctx, cancel := context.WithTimeout(ctx, removeDeadline)
	defer cancel()
	// The rest goes on although a process will not die: what it still makes, a later pass finds.
	removed, orphanErr := endOrphans(ctx, "/proc", lab)
	s := &sweep{engine: e, removed: removed}
	var (
		quietSince time.Time
		last       []string // what the last pass saw that ctx did not cut, and what went wrong in it
		lastErr    error
	)
	for {
		left, err := s.pass(ctx, lab)
		if ctx.Err() == nil {
			last, lastErr = left, err
		}
		switch {
		case err != nil || len(left) > 0:
			quietSince = time.Time{}
		case quietSince.IsZero():
			quietSince = time.Now()
		case time.Since(quietSince) >= s.settle():
			return s.removed, orphanErr
		}
		if ended := pause(ctx, settleOld/4); ended != nil {
			return s.removed, fmt.Errorf("lab %s: not all of it could be removed: %w; left: %s; run `skidpad down --name %s` again",
				lab, errors.Join(ended, lastErr, orphanErr), strings.Join(last, ", "), lab)
		}
	}
}

// sweep collects what was removed, from several goroutines.
type sweep struct {
	engine  *Engine
	mu      sync.Mutex
	removed []string
	newest  time.Time // when the youngest object that was seen was made
}

// settle is how long the engine must list nothing.
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

// pass removes what the engine lists of a lab, and returns what that was and what went wrong.
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

// each does the same to all items at once and joins the errors.
func each[T any](items []T, do func(T) error) error {
	errs := make([]error, len(items))
	var wg sync.WaitGroup
	for i, item := range items {
		wg.Go(func() { errs[i] = do(item) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// verdict notes what is gone. That somebody else was faster, or is about to remove it, is no error:
// the next listing tells.
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

// removeNetwork removes a network, after taking off it what still holds it: the endpoint of a
// container that is gone, or a container of somebody else's.
func (s *sweep) removeNetwork(ctx context.Context, n NetInfo) error {
	_, err := s.engine.Client.NetworkRemove(ctx, n.ID, client.NetworkRemoveOptions{})
	if err == nil || notFound(err) {
		return s.verdict("network "+n.Name, err)
	}
	held, inspectErr := s.engine.Client.NetworkInspect(ctx, n.ID, client.NetworkInspectOptions{})
	if inspectErr != nil {
		return fmt.Errorf("network %s: %w", n.Name, errors.Join(err, inspectErr))
	}
	for id, endpoint := range held.Network.Containers {
		// The engine finds an endpoint whose container is gone by its name only.
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
