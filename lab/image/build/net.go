package build

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"
)

// NetRootFS is one root file system for routers, gateways and clients: one layer, stored once, with the tools for looking
// at packets. Another release of Debian has other versions of the routing daemons.
func NetRootFS(suite string) RootFS {
	name := "net-rootfs"
	if suite != Suite {
		name += "-" + suite
	}
	return RootFS{
		Name: name, Suite: suite,
		Packages: strings.Fields(`bash tini iproute2 procps iputils-ping arping ndisc6 tcpdump curl ca-certificates
			nftables frr frr-pythontools keepalived netbase`),
		Hooks: []string{
			`rm -f "$1"/etc/frr/frr.conf "$1"/etc/keepalived/keepalived.conf`,
			`sed -i -e 's/^bgpd=no/bgpd=yes/' -e 's/^bfdd=no/bfdd=yes/'` +
				` -e 's/^bgpd_options=.*/bgpd_options="   -A 127.0.0.1 -M bmp"/' "$1"/etc/frr/daemons`,
			`grep -q '^bgpd=yes' "$1"/etc/frr/daemons && grep -q -- '-M bmp' "$1"/etc/frr/daemons`,
		},
	}
}

// Debian is an image of Debian packages, with files and Go programs beside them.
type Debian struct {
	Name    string
	Main    string // the Debian package whose version labels the image
	Version string
	// Pin is the place where Version is written, for an image that must have the package's version.
	Pin      string
	RootFS   RootFS
	Files    []Entry
	Programs *Programs // Go programs that are put into /usr/bin
	Config   v1.Config
	// Parts are further packages whose versions label the image.
	Parts []string
	probe bool // has our probe and echo programs
}

// fixtures are the programs of ours that the image has.
func (n Debian) fixtures() []string {
	if n.probe {
		return []string{"probe", "echo"}
	}
	return nil
}

const searchPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Starts is the configuration of an image that runs a command below an init process.
func Starts(command ...string) v1.Config {
	return v1.Config{Env: []string{searchPath}, Entrypoint: []string{"tini", "--"}, Cmd: command}
}

// Idle is the configuration of an image that does nothing: something else is started in the container.
func Idle() v1.Config { return Starts("sleep", "infinity") }

// Keepalived is the image of a gateway's guard.
func (b *Builder) Keepalived(version string) (Recipe, error) {
	return b.Debian(version, Debian{
		Name: "keepalived", Main: "keepalived", Version: "2.2.7", RootFS: NetRootFS(Suite),
		Config: Starts("keepalived", "--dont-fork", "--log-console", "--log-detail", "--vrrp"),
	})
}

// Client is the image of a client.
func (b *Builder) Client(version string) (Recipe, error) {
	return b.Debian(version, Debian{
		Name: "client", Main: "iproute2", Version: "1", RootFS: NetRootFS(Suite), Config: Idle(), Parts: []string{"tcpdump"}, probe: true,
	})
}

// Debian returns the recipe of the image of a version; the empty version is the first image's.
func (b *Builder) Debian(version string, images ...Debian) (Recipe, error) {
	var others []string
	for _, n := range images {
		if version != "" && version != n.Version {
			others = append(others, n.Version)
			continue
		}
		inputs := []string{"net 1", n.RootFS.Key(), n.Name, n.Version, fmt.Sprintf("%+v", n.Config)}
		for _, f := range n.Files {
			inputs = append(inputs, f.Path, string(f.Data))
		}
		for _, name := range n.fixtures() {
			key, err := b.fixtureKey(name)
			if err != nil {
				return Recipe{}, err
			}
			inputs = append(inputs, key)
		}
		if n.Programs != nil {
			key, err := n.Programs.Key(b)
			if err != nil {
				return Recipe{}, err
			}
			inputs = append(inputs, key)
		}
		return Recipe{
			Name: n.Name, Version: n.Version, Key: Hash(inputs...), Parts: map[string]string{"debian": n.RootFS.suite()},
			Make: func(ctx context.Context, b *Builder, r Recipe) error { return b.makeDebian(ctx, n, r) },
		}, nil
	}
	return Recipe{}, NoVersion(images[0].Name, others...)
}

// NoVersion is the error of a version without a recipe. versions can be built.
func NoVersion(name string, versions ...string) error {
	return fmt.Errorf("what can be built here of %s, of Debian's packages or pinned in tools/images, is %s", name, strings.Join(versions, ", "))
}

// netParts makes what an image is put together of: its root file system's folder, and the files beside.
func (b *Builder) netParts(ctx context.Context, n Debian) (rootfs string, files []Entry, err error) {
	var programs string
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		rootfs, err = b.RootFS(ctx, n.RootFS)
		return err
	})
	fixtures := make([]string, len(n.fixtures()))
	for i, name := range n.fixtures() {
		group.Go(func() (err error) {
			fixtures[i], err = b.fixture(ctx, name)
			return err
		})
	}
	if n.Programs != nil {
		group.Go(func() (err error) {
			programs, err = b.Programs(ctx, *n.Programs)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return "", nil, err
	}
	files = n.Files
	for i, name := range n.fixtures() {
		files = append(files, Entry{Path: "/usr/local/bin/skidpad-" + name, Mode: 0o755, From: filepath.Join(fixtures[i], name)})
	}
	if n.Programs != nil {
		for _, name := range slices.Sorted(maps.Keys(n.Programs.Packages)) {
			files = append(files, Entry{Path: "/usr/bin/" + name, Mode: 0o755, From: filepath.Join(programs, name)})
		}
	}
	return rootfs, files, nil
}

// upstream is the upstream part of a Debian package's version: 10.3 of 10.3-3+deb13u1.
func upstream(version string) string {
	if i := strings.LastIndexByte(version, '-'); i > 0 {
		version = version[:i]
	}
	if _, after, ok := strings.Cut(version, ":"); ok {
		version = after
	}
	return version
}

func (b *Builder) makeDebian(ctx context.Context, n Debian, r Recipe) error {
	if err := b.need(ctx, toolDebootstrap()); err != nil {
		return err
	}
	rootfs, files, err := b.netParts(ctx, n)
	if err != nil {
		return err
	}
	layers := []string{filepath.Join(rootfs, "rootfs.tar")}
	if len(files) > 0 {
		tmp, err := os.MkdirTemp("", "skidpad-net-")
		if err != nil {
			return fmt.Errorf("image %s: %w", n.Name, err)
		}
		defer func() { _ = os.RemoveAll(tmp) }()
		layer := filepath.Join(tmp, "files.tar")
		if err := WriteLayer(layer, files); err != nil {
			return err
		}
		layers = append(layers, layer)
	}
	config := n.Config
	config.Labels = r.Labels()
	versions, err := PackageVersions(rootfs, append([]string{n.Main}, n.Parts...)...)
	if err != nil {
		return err
	}
	if v := versions[n.Main]; n.Pin != "" && upstream(v) != n.Version {
		return fmt.Errorf("image %s: Debian %s has version %s of %s now, wanted is %s; write the new one into %s", n.Name, n.RootFS.suite(), v, n.Main, n.Version, n.Pin)
	}
	for p, v := range versions {
		config.Labels[LabelPart+p] = v
	}
	img, err := Assemble(config, layers...)
	if err != nil {
		return err
	}
	return b.Load(ctx, r.Ref(), img)
}
