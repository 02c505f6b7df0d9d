package lab

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"skidpad.dev/skidpad/lab/agent"
	"skidpad.dev/skidpad/lab/bringup"
	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/live"
	"skidpad.dev/skidpad/lab/node"
)

// Lab is a running or half-made lab.
type Lab = live.Lab

// Status is the current state of a lab.
type Status = live.Status

// Dir returns the folder of a lab's files: the kubeconfig and the lock.
func Dir(name string) (string, error) { return live.Dir(name) }

// NotFoundError reports a missing lab, and lists the existing labs.
type NotFoundError struct {
	Lab    string
	Others []string
}

// Error lists the existing labs.
func (e *NotFoundError) Error() string {
	there := "no lab is up"
	if len(e.Others) > 0 {
		there = "up are: " + strings.Join(e.Others, ", ")
	}
	if e.Lab == "" {
		return there + "; say which with --name, or bring one up with `skidpad up`"
	}
	return fmt.Sprintf("lab %s is not up; %s; bring it up with `skidpad up SCENARIO --name %s`", e.Lab, there, e.Lab)
}

// ParkedError reports a lab with frozen containers.
type ParkedError struct{ Lab string }

// Error names the command that thaws the lab.
func (e *ParkedError) Error() string {
	return fmt.Sprintf("lab %s is parked: all its containers are frozen; thaw the lab with `skidpad up --name %s`", e.Lab, e.Lab)
}

// Open finds a lab by the lab's labels. An empty name means the only existing lab, or of several labs
// the only one that runs. For a parked lab, the error is a
// *ParkedError.
func Open(ctx context.Context, name string) (*Lab, error) {
	l, err := Find(ctx, name)
	if err != nil {
		return nil, err
	}
	containers, err := l.Engine().Containers(ctx, l.Plan.Lab)
	if err != nil {
		return nil, err
	}
	if live.Parked(containers) {
		return nil, &ParkedError{l.Plan.Lab}
	}
	if !l.Engine().Local() && l.Plan.Cluster != nil {
		// Calls of the Kubernetes API go through the agent, and have no time for its start. A failure shows in the calls.
		_, _ = agent.Of(ctx, l.Engine(), l.Plan.Lab)
	}
	return l, nil
}

// Find is Open for a lab in any state.
func Find(ctx context.Context, name string) (*Lab, error) {
	eng, all, err := labs(ctx)
	if err != nil {
		return nil, err
	}
	if name == "" {
		if name, err = chosen(ctx, eng, all); err != nil {
			return nil, err
		}
	}
	if name == "" || !slices.Contains(all, name) {
		return nil, &NotFoundError{name, all}
	}
	return bringup.Find(ctx, eng, name, Kinds())
}

// chosen returns the only existing lab; of several labs, the only one that runs. The empty name means that there is no
// such lab.
func chosen(ctx context.Context, eng *docker.Engine, all []string) (string, error) {
	if len(all) == 1 {
		return all[0], nil
	}
	running := ""
	for _, name := range all {
		containers, err := eng.Containers(ctx, name)
		if err != nil {
			return "", err
		}
		if !slices.ContainsFunc(containers, func(c docker.Info) bool { return c.State == "running" }) {
			continue
		}
		if running != "" {
			return "", nil
		}
		running = name
	}
	return running, nil
}

// Only returns the name of the only existing lab. No lab, or several labs, is an error.
func Only(ctx context.Context) (string, error) {
	_, all, err := labs(ctx)
	if err != nil {
		return "", err
	}
	if len(all) != 1 {
		return "", &NotFoundError{"", all}
	}
	return all[0], nil
}

// labs returns the engine and the names of its labs.
func labs(ctx context.Context) (*docker.Engine, []string, error) {
	eng, err := docker.Connect(ctx)
	if err != nil {
		return nil, nil, err
	}
	names, err := eng.Labs(ctx)
	return eng, names, err
}

// Summary is a line of a listing.
type Summary struct {
	Name     string `json:"name"`
	Scenario string `json:"scenario"`
	Running  int    `json:"running"` // running containers
	Planned  int    `json:"planned"`
	Parked   bool   `json:"parked,omitempty"` // all containers are frozen
}

// List returns the existing labs, by name.
func List(ctx context.Context) ([]Summary, error) {
	eng, names, err := labs(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]Summary, 0, len(names))
	for _, name := range names {
		containers, err := eng.Containers(ctx, name)
		if err != nil {
			return nil, err
		}
		s := Summary{Name: name, Scenario: "unknown", Parked: live.Parked(containers)}
		for _, c := range containers {
			if c.State == "running" && c.Role != agent.Role && c.Role != string(node.KindNamespace) {
				s.Running++
			}
		}
		if l, err := bringup.Find(ctx, eng, name, Kinds()); err == nil && l != nil {
			s.Scenario, s.Planned = l.Plan.Scenario.Metadata.Name, len(l.Plan.Places())
		}
		list = append(list, s)
	}
	return list, nil
}
