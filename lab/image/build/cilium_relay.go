package build

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

const hubbleRelay = "hubble-relay"

// The relay runs as upstream's: a program, as a user without a name.
var hubbleRelayConfig = v1.Config{
	Env:        []string{searchPath, "GOPS_CONFIG_DIR=/tmp"},
	User:       "65532:65532",
	Entrypoint: []string{"/usr/bin/" + hubbleRelay},
	Cmd:        []string{"serve"},
}

// HubbleRelay is the image of Hubble's relay, one API for the flows of all nodes' agents. The relay is built
// separately, from the agent's module: few scenarios need the relay, so a change of the relay must not rebuild the
// agent. version is as for Cilium.
func (b *Builder) HubbleRelay(version string) (Recipe, error) {
	src, err := b.ciliumSource(version)
	if err != nil {
		return Recipe{}, err
	}
	return Recipe{
		Name: hubbleRelay, Version: src.tag(), Parts: map[string]string{"cilium": src.tag()},
		Key: Hash("hubble-relay 1", src.programsKey(), fmt.Sprint(hubbleRelayConfig)),
		Make: func(ctx context.Context, b *Builder, r Recipe) error {
			if err := b.need(ctx, toolGo()); err != nil {
				return err
			}
			programs, err := b.HeavyArtefact(ctx, hubbleRelay+"-"+src.tag()+"-program", src.programsKey(), func(ctx context.Context, dir string) error {
				return buildHubbleRelay(ctx, src, dir)
			})
			if err != nil {
				return err
			}
			config := hubbleRelayConfig
			config.Labels = r.Labels()
			return b.loadLayers(ctx, r, config, []Entry{
				{Path: "/usr/bin/" + hubbleRelay, Mode: 0o755, From: filepath.Join(programs, hubbleRelay)},
				{Path: "/tmp", Mode: 0o777, Dir: true},
			})
		},
	}, nil
}

func buildHubbleRelay(ctx context.Context, src ciliumSource, to string) error {
	fail := func(err error) error { return fmt.Errorf("build hubble-relay of Cilium %s: %w", src.tag(), err) }
	_, stamp, module, err := src.module(ctx) // the joint program's module has the relay's requirements, too
	if err != nil {
		return fail(err)
	}
	defer func() { _ = os.RemoveAll(module) }()
	cmd := exec.CommandContext(ctx, "go", "-C", module, "build", "-trimpath", "-buildvcs=false", "-tags", strings.Join(ciliumTags, ","),
		"-ldflags", fmt.Sprintf(`-s -w -X "%s/pkg/version.ciliumVersion=%s"`, ciliumModule, stamp), "-o", to+"/", ciliumModule+"/hubble-relay")
	cmd.Env = src.environ()
	if err := run(cmd); err != nil {
		return fail(err)
	}
	return nil
}
