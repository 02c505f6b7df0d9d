package docker

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/vishvananda/netlink"

	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/wait"
)

func TestLiveRemove(t *testing.T) {
	l := liveEngine(t)
	fabric, edge := l.create(t, "fab", nil), l.create(t, "edg", nil)
	for i, name := range []string{"r1", "r2"} {
		s := l.spec(name, at(fabric, byte(11+i)), at(edge, byte(11+i)))
		l.start(t, s)
		g := l.spec("gw-" + name)
		g.NetworkOf = s.Name
		l.start(t, g)
	}
	l.start(t, l.spec("client", at(edge, 20)))
	for i := range 3 { // as kind makes them
		ctr, err := l.Client.ContainerCreate(t.Context(), client.ContainerCreateOptions{
			Name: fmt.Sprintf("skidpad-%s-n%d", l.lab, i),
			Config: &container.Config{
				Image: l.image, Cmd: []string{"sleep", "3600"}, Labels: map[string]string{LabelKindCluster: kindPrefix + l.lab},
			},
			HostConfig: &container.HostConfig{NetworkMode: container.NetworkMode(fabric.Docker)},
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.Client.ContainerStart(t.Context(), ctr.ID, client.ContainerStartOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := l.Client.ContainerPause(t.Context(), l.spec("client").Name, client.ContainerPauseOptions{}); err != nil {
		t.Fatal(err)
	}
	bystander := l
	bystander.lab = l.lab + "-2"
	keeps := bystander.start(t, bystander.spec("r1"))
	foreign := bystander.spec("guest", at(fabric, 30))
	guest := bystander.start(t, foreign)

	// Half-made: a container created but never started.
	created := l.spec("half", at(edge, 21))
	provider, err := l.containers()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.CreateContainer(t.Context(), l.request(created)); err != nil {
		t.Fatal(err)
	}
	orphan := exec.CommandContext(t.Context(), "sleep", "79")
	orphan.Env = []string{EnvLab + "=" + l.lab}
	if err := orphan.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = orphan.Wait() }()

	volumes := l.volumes(t)
	began := time.Now()
	removed, err := l.Remove(t.Context(), l.lab)
	took := time.Since(began)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %s", took, strings.Join(removed, ", "))
	// Containers are killed, not stopped: for a stop the engine waits up to 10 s per container, and sleep as
	// process 1 uses all 10 s.
	if took >= 10*time.Second {
		t.Errorf("removing took %s, as long as a container is given to stop by itself; wanted is that none is asked", took)
	}
	for _, want := range []string{"-half", "-r1", "-gw-r2", "-n2", "-client", "network " + fabric.Docker, "endpoint " + foreign.Name, "(sleep 79)"} {
		if !slices.ContainsFunc(removed, func(s string) bool { return strings.Contains(s, want) }) {
			t.Errorf("%q is not among what was removed: %v", want, removed)
		}
	}
	if left := l.volumes(t); left > volumes-8 {
		t.Errorf("%d volumes before, %d after: anonymous volumes are left", volumes, left)
	}
	for _, n := range []plan.Network{fabric, edge} {
		if _, err := netlink.LinkByName(n.Bridge); err == nil {
			t.Errorf("bridge %s is left", n.Bridge)
		}
	}
	for _, c := range []*Container{keeps, guest} {
		if _, err := c.Exec(t.Context(), "hostname"); err != nil {
			t.Errorf("another lab's container was touched: %v", err)
		}
	}
	if removed, err := l.Remove(t.Context(), l.lab); err != nil || len(removed) != 0 {
		t.Errorf("the second time: %v, %v", removed, err)
	}
	if _, err := bystander.Remove(t.Context(), bystander.lab); err != nil {
		t.Error(err)
	}
}

func (l live) volumes(t *testing.T) int {
	t.Helper()
	list, err := l.Client.VolumeList(t.Context(), client.VolumeListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return len(list.Items)
}

// TestLiveRemoveWhileMaking removes a lab during its creation, as after a kill of `up`, when the engine
// continues with the last request.
func TestLiveRemoveWhileMaking(t *testing.T) {
	l := liveEngine(t)
	for round := range 3 {
		n := l.create(t, "fab", nil)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() { _, _ = l.Start(ctx, l.spec(fmt.Sprintf("r%d", i), at(n, byte(11+i)))) })
		}
		wg.Go(func() { l.runAsKind(t, n) })
		_ = wait.Sleep(t.Context(), time.Duration(round)*250*time.Millisecond)
		cancel()
		removed, err := l.Remove(t.Context(), l.lab)
		if err != nil {
			t.Fatal(err)
		}
		wg.Wait()
		t.Logf("cancelled after %d ms: %v", round*250, removed)
		_ = wait.Sleep(t.Context(), time.Second) // nothing may turn up later
		left, err := l.Containers(t.Context(), l.lab)
		if err != nil || len(left) > 0 {
			t.Errorf("round %d: left %v, %v", round, left, err)
		}
	}
}

// runAsKind makes a container by the engine's command line, as kind does, in a process that Remove can find.
func (l live) runAsKind(t *testing.T, n plan.Network) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "docker", "run", "--detach", "--name", "skidpad-"+l.lab+"-worker", "--network", n.Docker,
		"--label", LabelKindCluster+"="+kindPrefix+l.lab, "--volume", "/var", l.image, "sleep", "3600")
	cmd.Env = append(os.Environ(), EnvLab+"="+l.lab)
	if err := cmd.Run(); err != nil {
		t.Logf("docker run: %v", err) // no such program here, or the network went away before it
	}
}
