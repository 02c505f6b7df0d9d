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

// NetRootFS is the common root file system of routers, gateways and clients: a single layer, stored once, with tools
// for packet analysis. Another Debian release has other versions of the routing daemons.
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

// Debian is an image of Debian packages, with files and Go programs beside the packages.
type Debian struct {
	Name    string
	Main    string // the Debian package with the image's version
	Version string
	// Pin is the source file of Version, for an image with a fixed package version.
	Pin      string
	RootFS   RootFS
	Files    []Entry
	Programs *Programs // Go programs for /usr/bin
	Config   v1.Config
	// Parts are further packages with their versions in the image's labels.
	Parts []string
	probe bool // has our probe and echo programs
}

// fixtures returns the names of our own programs in the image.
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

// Idle is the configuration of an image without a program of its own: the lab starts programs in the container.
func Idle() v1.Config { return Starts("sleep", "infinity") }

// Keepalived is the image of a gateway's keepalived.
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

// Debian returns the recipe of a version's image; the empty version is the first image's.
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

// NoVersion is the error for a version without a recipe. versions lists the versions with a recipe.
func NoVersion(name string, versions ...string) error {
	return fmt.Errorf("of %s, these versions can be built here, from Debian's packages or tools/images: %s", name, strings.Join(versions, ", "))
}

// netParts makes the parts of an image: the folder of its root file system, and further files.
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
		return fmt.Errorf("image %s: Debian %s has version %s of %s now, want %s; write the new version into %s", n.Name, n.RootFS.suite(), v, n.Main, n.Version, n.Pin)
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
