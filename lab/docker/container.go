package docker

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"

	"skidpad.dev/skidpad/lab/node"
)

// Attach is a container's place on a network.
type Attach struct {
	Network string     // the engine's name
	Address netip.Addr // IPv4
	// Address6 is the IPv6 address on a network that has IPv6; invalid elsewhere.
	Address6 netip.Addr
}

// Mount shows a folder or file of the host inside a container.
type Mount struct {
	Source   string // on the host, absolute
	Target   string // in the container, absolute
	ReadOnly bool
}

// Spec describes a container to start.
type Spec struct {
	Lab   string
	Role  string // as node.Kind
	Node  string // the scenario's name; also the host name inside
	Name  string // the engine's: skidpad-<lab>-r1
	Image string // must be in the engine: nothing is pulled
	// Entrypoint and Cmd, if not empty, replace the image's.
	Entrypoint, Cmd []string
	Env             map[string]string
	// Networks are attached before the start, so the entrypoint finds all interfaces. The engine chooses the order
	// (eth0, eth1 …): distinguish interfaces by address. Without Networks, the container has only loopback.
	Networks []Attach
	// NetworkOf names a container whose network namespace this container joins, instead of Networks.
	NetworkOf string
	// PIDOf names a container whose PID namespace this container joins. This container ends when the other
	// container ends.
	PIDOf      string
	CapAdd     []string
	Privileged bool
	Sysctls    map[string]string // of the container's own network namespace, so not with NetworkOf
	Files      []File            // are there before the entrypoint runs
	Mounts     []Mount
	Labels     map[string]string // besides the lab's own
	// Machine, if set, makes this a container that runs containers.
	Machine *Machine
}

// Machine describes a container that runs containers, like a cluster's node: privileged, in its own cgroup
// namespace.
type Machine struct {
	Volumes []string // folders outside the root file system, removed with the container
	Tmpfs   []string // folders in memory
	Publish []int    // TCP ports published on the host's loopback, each at a port that the engine chooses
}

// Start creates and starts a container. The engine never restarts the container, publishes no port and pulls
// no image. If Start fails, the objects already made stay, with labels, and Remove finds them.
func (e *Engine) Start(ctx context.Context, s Spec) (*Container, error) {
	if err := s.validate(); err != nil {
		return nil, err
	}
	if _, err := e.Client.ImageInspect(ctx, s.Image); notFound(err) {
		return nil, fmt.Errorf("container %s: the engine has no image %s; run `skidpad images build`, or `skidpad up` with --images auto", s.Name, s.Image)
	} else if err != nil {
		return nil, fmt.Errorf("container %s: looking for image %s: %w", s.Name, s.Image, err)
	}
	provider, err := e.containers()
	if err != nil {
		return nil, err
	}
	made, err := provider.CreateContainer(ctx, e.request(s))
	if err != nil {
		return nil, e.startError(ctx, s, "creating", err)
	}
	if err := made.Start(ctx); err != nil {
		return nil, e.startError(ctx, s, "starting", err)
	}
	return e.Node(s.Node, node.Kind(s.Role), s.Name), nil
}

// validate reports a caller's mistakes that the engine would not notice or name.
func (s Spec) validate() error {
	var problems []error
	for _, field := range []struct{ name, value string }{{"Lab", s.Lab}, {"Role", s.Role}, {"Node", s.Node}, {"Name", s.Name}, {"Image", s.Image}} {
		if field.value == "" {
			problems = append(problems, fmt.Errorf("%s is empty", field.name))
		}
	}
	if s.NetworkOf != "" && len(s.Networks) > 0 {
		problems = append(problems, fmt.Errorf("both Networks and NetworkOf (%s) are set", s.NetworkOf))
	}
	for _, a := range s.Networks {
		if a.Network == "" || !a.Address.Is4() {
			problems = append(problems, fmt.Errorf("network %q with address %q: a network's name and an IPv4 address are wanted", a.Network, a.Address))
		}
	}
	if err := errors.Join(problems...); err != nil {
		return fmt.Errorf("lab bug: container %s: %w", s.Name, err)
	}
	return nil
}

// request converts the spec to a testcontainers request.
func (e *Engine) request(s Spec) testcontainers.ContainerRequest {
	var config *container.Config
	var host *container.HostConfig
	return testcontainers.ContainerRequest{
		Image: s.Image, Name: s.Name, Entrypoint: s.Entrypoint, Cmd: s.Cmd, Env: s.Env,
		ConfigModifier: func(c *container.Config) {
			config = c
			if s.NetworkOf == "" { // otherwise the namespace's owner has the host name, and the engine refuses a second
				c.Hostname = s.Node
			}
			// testcontainers adds labels, by which another program's reaper might find the container.
			c.Labels = labels(s.Lab, s.Role, s.Node, s.Labels)
		},
		HostConfigModifier: func(h *container.HostConfig) {
			host = h
			s.hostConfig(h)
		},
		EndpointSettingsModifier: func(eps map[string]*network.EndpointSettings) {
			if len(s.Networks) > 0 {
				eps[s.Networks[0].Network] = s.Networks[0].endpoint()
			}
		},
		LifecycleHooks: []testcontainers.ContainerLifecycleHooks{{
			PreCreates: []testcontainers.ContainerRequestHook{func(context.Context, testcontainers.ContainerRequest) error {
				// At this point testcontainers has published every port that the image names.
				config.ExposedPorts, host.PortBindings = nil, nil
				return s.Machine.publish(config, host)
			}},
			PostCreates: []testcontainers.ContainerHook{func(ctx context.Context, c testcontainers.Container) error {
				return e.complete(ctx, s, c.GetContainerID())
			}},
		}},
	}
}

func (s Spec) hostConfig(h *container.HostConfig) {
	h.CapAdd = slices.Clone(s.CapAdd)
	h.Privileged = s.Privileged
	h.Sysctls = s.Sysctls
	h.RestartPolicy = container.RestartPolicy{Name: container.RestartPolicyDisabled}
	switch {
	case s.NetworkOf != "":
		h.NetworkMode = container.NetworkMode("container:" + s.NetworkOf)
	case len(s.Networks) > 0:
		h.NetworkMode = container.NetworkMode(s.Networks[0].Network)
	default:
		h.NetworkMode = "none"
	}
	if s.PIDOf != "" {
		h.PidMode = container.PidMode("container:" + s.PIDOf)
	}
	if s.Machine != nil {
		s.Machine.hostConfig(h)
	}
	for _, m := range s.Mounts {
		h.Mounts = append(h.Mounts, mount.Mount{Type: mount.TypeBind, Source: m.Source, Target: m.Target, ReadOnly: m.ReadOnly})
	}
}

// endpoint requests the address and a MAC derived from the address, so captures are easy to read. Engines
// before API 1.44 ignore the requested MAC and derive the same MAC anyway.
func (a Attach) endpoint() *network.EndpointSettings {
	ip := a.Address.As4()
	return &network.EndpointSettings{
		IPAMConfig: &network.EndpointIPAMConfig{IPv4Address: a.Address, IPv6Address: a.Address6},
		MacAddress: network.HardwareAddr{0x02, 0x42, ip[0], ip[1], ip[2], ip[3]},
	}
}

// complete attaches a created container to the other networks and copies the files. Engines before API 1.44
// accept only one network at creation.
func (e *Engine) complete(ctx context.Context, s Spec, id string) error {
	for _, a := range s.Networks[min(1, len(s.Networks)):] {
		if _, err := e.Client.NetworkConnect(ctx, a.Network, client.NetworkConnectOptions{Container: id, EndpointConfig: a.endpoint()}); err != nil {
			return fmt.Errorf("connecting to network %s with address %s: %w", a.Network, a.Address, err)
		}
	}
	return e.CopyTo(ctx, id, s.Files)
}

// startError adds a detail that the engine's error omits: the holder of the name or address.
func (e *Engine) startError(ctx context.Context, s Spec, doing string, err error) error {
	full := fmt.Errorf("container %s (image %s): %s it: %w", s.Name, s.Image, doing, err)
	if ctx.Err() != nil {
		return full
	}
	for _, a := range s.Networks {
		if holder := e.addressHolder(ctx, a, s.Name); holder != "" {
			return fmt.Errorf("container %s: its address %s on network %s is in use by %s: %w", s.Name, a.Address, a.Network, holder, err)
		}
	}
	have, inspectErr := e.Client.ContainerInspect(ctx, s.Name, client.ContainerInspectOptions{})
	if doing == "creating" && conflict(err) && inspectErr == nil && have.Container.Config != nil {
		return fmt.Errorf("container %s exists already (lab %q); run `skidpad down --name %s`: %w",
			s.Name, labOf(have.Container.Config.Labels), s.Lab, err)
	}
	return full
}
