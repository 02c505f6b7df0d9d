package build

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"
)

// frrReleases are the versions of FRR that can be built, oldest first, each with the release of Debian that has it. Debian
// moves its testing release (forky) on; then the version here has to follow.
func frrReleases() []struct{ version, suite string } {
	return []struct{ version, suite string }{{"8.4.4", Suite}, {"10.3", "trixie"}, {"10.7.1", "forky"}}
}

// FRRVersions are the versions of FRR that can be built, oldest first.
func FRRVersions() []string {
	var all []string
	for _, r := range frrReleases() {
		all = append(all, r.version)
	}
	return all
}

// netRootFS is one root file system for routers, gateways and clients: one layer, stored once, and
// the tools for looking at packets are in each of them. That of another release of Debian is for its FRR.
func netRootFS(suite string) RootFS {
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

// birdRootFS is the same for BIRD, without FRR: a file system of its own, so that the others stay as they are.
func birdRootFS() RootFS {
	return RootFS{
		Name:     "bird-rootfs",
		Packages: strings.Fields(`bash tini iproute2 procps iputils-ping arping tcpdump curl ca-certificates nftables bird2 netbase`),
		Hooks:    []string{`rm -f "$1"/etc/bird/bird.conf`},
	}
}

// modGoBGP is the pinned module's folder.
const modGoBGP = "tools/images/gobgp"

// gobgpVersion is the one that modGoBGP pins; a test compares.
const gobgpVersion = "4.8.0"

// gobgpReleases are those that can be built: the modules of 3 and 4 end with that number.
var gobgpReleases = &releases{regexp.MustCompile(`^[34]\.[0-9]+\.[0-9]+$`), "any release of 3 and 4", gobgpImage}

// gobgpImage is a GoBGP router: its daemon and its command line, of the pinned version or of another release. FRR's zebra,
// beside which they are put, writes GoBGP's routes into the kernel's table: GoBGP itself writes none.
func gobgpImage(version string) netImage {
	module := "github.com/osrg/gobgp/v" + version[:1]
	programs := Programs{Module: modGoBGP}
	if version != gobgpVersion {
		programs.Release = module + "@v" + version
	}
	programs.Packages = map[string]string{"gobgpd": module + "/cmd/gobgpd", "gobgp": module + "/cmd/gobgp"}
	return netImage{name: "gobgp", main: "frr", version: version, programs: &programs, config: idle()}
}

// frrStart starts the daemons that /etc/frr/daemons names and stays: watchfrr is the container's.
const frrStart = `#!/bin/bash
set -e
. /usr/lib/frr/frrcommon.sh
install -d -o frr -g frr /run/frr /var/log/frr /etc/frr
chown -R frr:frr /etc/frr
exec /usr/lib/frr/watchfrr $(daemon_list)
`

// netImage is one of the images that share the net root file system, or have one of their own.
type netImage struct {
	name     string
	main     string // the Debian package whose version is the image's
	version  string
	rootfs   *RootFS // nil is the shared one
	files    []Entry
	programs *Programs // Go programs that are put into /usr/bin
	config   v1.Config
	probe    bool // has our probe and echo programs
	releases *releases
}

// releases are further versions that an image can be made of.
type releases struct {
	form  *regexp.Regexp
	words string // for people
	image func(version string) netImage
}

// fixtures are the programs of ours that the image has.
func (n netImage) fixtures() []string {
	if n.probe {
		return []string{"probe", "echo"}
	}
	return nil
}

func (n netImage) root() RootFS {
	if n.rootfs != nil {
		return *n.rootfs
	}
	return netRootFS(Suite)
}

const searchPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// idle does nothing: something else is started in the container.
func idle() v1.Config {
	return v1.Config{Env: []string{searchPath}, Entrypoint: []string{"tini", "--"}, Cmd: []string{"sleep", "infinity"}}
}

func netImages() []netImage {
	bird := birdRootFS()
	gobgp := gobgpImage(gobgpVersion)
	gobgp.releases = gobgpReleases
	return append(frrImages(), []netImage{
		gobgp,
		{
			name: "keepalived", main: "keepalived", version: "2.2.7",
			config: v1.Config{Env: []string{searchPath}, Entrypoint: []string{"tini", "--"},
				Cmd: []string{"keepalived", "--dont-fork", "--log-console", "--log-detail", "--vrrp"}},
		},
		{
			name: "client", main: "iproute2", version: "1", probe: true, config: idle(),
		},
		// Their routers bring the program that starts them.
		{name: "bird", main: "bird2", version: "2.0.12", rootfs: &bird, config: idle()},
	}...)
}

func frrImages() []netImage {
	var all []netImage
	for _, r := range frrReleases() {
		root := netRootFS(r.suite)
		all = append(all, netImage{
			name: "frr", main: "frr", version: r.version, rootfs: &root,
			files: []Entry{
				{Path: "/usr/lib/frr/docker-start", Mode: 0o755, Data: []byte(frrStart)},
				{Path: "/etc/frr/vtysh.conf", Mode: 0o644, Data: []byte("service integrated-vtysh-config\n")},
			},
			config: v1.Config{Env: []string{searchPath}, Entrypoint: []string{"tini", "--"}, Cmd: []string{"/usr/lib/frr/docker-start"}},
		})
	}
	return all
}

// Net is the image of a router (frr, bird, gobgp), of a gateway's guard (keepalived) or of a client, of a version; empty is the
// first that can be built.
func (b *Builder) Net(name, version string) (Recipe, error) {
	var others []string
	for _, n := range netImages() {
		if n.name != name {
			continue
		}
		if n.releases != nil {
			others = append(others, n.releases.words)
			if n.releases.form.MatchString(version) {
				n = n.releases.image(version)
			}
		}
		if version != "" && version != n.version {
			others = append(others, n.version)
			continue
		}
		inputs := []string{"net 1", n.root().Key(), n.name, n.version, fmt.Sprintf("%+v", n.config)}
		for _, f := range n.files {
			inputs = append(inputs, f.Path, string(f.Data))
		}
		for _, name := range n.fixtures() {
			key, err := b.fixtureKey(name)
			if err != nil {
				return Recipe{}, err
			}
			inputs = append(inputs, key)
		}
		if n.programs != nil {
			key, err := n.programs.Key(b)
			if err != nil {
				return Recipe{}, err
			}
			inputs = append(inputs, key)
		}
		return Recipe{
			Name: n.name, Version: n.version, Key: Hash(inputs...), Parts: map[string]string{"debian": n.root().suite()},
			Make: func(ctx context.Context, b *Builder, r Recipe) error { return b.makeNet(ctx, n, r) },
		}, nil
	}
	if len(others) > 0 {
		return Recipe{}, fmt.Errorf("what can be built here of %s, of Debian's packages or pinned in tools/images, is %s", name, strings.Join(others, ", "))
	}
	return Recipe{}, fmt.Errorf("lab bug: no recipe for image %s", name)
}

// netParts makes what an image is put together of: its root file system's folder, and the files beside.
func (b *Builder) netParts(ctx context.Context, n netImage) (rootfs string, files []Entry, err error) {
	var programs string
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		rootfs, err = b.RootFS(ctx, n.root())
		return err
	})
	fixtures := make([]string, len(n.fixtures()))
	for i, name := range n.fixtures() {
		group.Go(func() (err error) {
			fixtures[i], err = b.fixture(ctx, name)
			return err
		})
	}
	if n.programs != nil {
		group.Go(func() (err error) {
			programs, err = b.Programs(ctx, *n.programs)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return "", nil, err
	}
	files = n.files
	for i, name := range n.fixtures() {
		files = append(files, Entry{Path: "/usr/local/bin/skidpad-" + name, Mode: 0o755, From: filepath.Join(fixtures[i], name)})
	}
	if n.programs != nil {
		for _, name := range slices.Sorted(maps.Keys(n.programs.Packages)) {
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

func (b *Builder) makeNet(ctx context.Context, n netImage, r Recipe) error {
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
			return fmt.Errorf("image %s: %w", n.name, err)
		}
		defer func() { _ = os.RemoveAll(tmp) }()
		layer := filepath.Join(tmp, "files.tar")
		if err := WriteLayer(layer, files); err != nil {
			return err
		}
		layers = append(layers, layer)
	}
	config := n.config
	config.Labels = r.Labels()
	versions, err := PackageVersions(rootfs, "frr", "bird2", "keepalived", "iproute2", "tcpdump")
	if err != nil {
		return err
	}
	if v := versions["frr"]; n.name == "frr" && upstream(v) != n.version {
		return fmt.Errorf("image frr: Debian %s has FRR %s now, wanted is %s; write the new one into frrReleases (lab/image/build)", n.root().suite(), v, n.version)
	}
	for p, v := range versions {
		if p == n.main || n.main == "iproute2" && p == "tcpdump" {
			config.Labels[LabelPart+p] = v
		}
	}
	img, err := Assemble(config, layers...)
	if err != nil {
		return err
	}
	return b.Load(ctx, r.Ref(), img)
}
