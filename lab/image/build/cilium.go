package build

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"
)

// ciliumRootFS has the programs of the agent and the chart's init containers, and clang.
//
// Upstream's runtime image pins LLVM 19.1.7, Debian's clang-19. The agent compiles for eBPF only, with -nostdinc and to
// an object file, so the image needs no headers, llc, linker or binutils. Debian's clang package would bring a whole
// C++ toolchain, so only the program is taken.
func ciliumRootFS() RootFS {
	return RootFS{
		Name: "cilium-rootfs",
		Packages: strings.Fields(`bash mount util-linux iproute2 iptables ipset kmod bpftool
			libclang-cpp19 libllvm19`),
		Hooks: []string{
			`cd "$1"/tmp && apt-get download clang-19="$(dpkg-query --admindir="$1"/var/lib/dpkg -W -f='${Version}' libllvm19)"` +
				` && dpkg-deb --fsys-tarfile clang-19_*.deb | tar -x -C "$1" ./usr/lib/llvm-19/bin/clang ./usr/share/doc/clang-19/copyright` +
				` && rm clang-19_*.deb && ln -s ../lib/llvm-19/bin/clang "$1"/usr/bin/clang`,
			`echo 'int f(void) { return 0; }' | chroot "$1" clang -O2 -g --target=bpf -nostdinc -x c -c - -o /dev/null`,
			// Character sets and time zones; no program in the image needs these files.
			`rm -rf "$1"/usr/lib/*/gconv "$1"/usr/share/zoneinfo`,
		},
	}
}

// compilerCache is the program of fixtures/ that stands before the compiler: see plan.LeverObjects.
const compilerCache = "clang"

// The agent's image runs as upstream's; the Hubble CLI connects to the agent in the same container.
var ciliumConfig = v1.Config{
	Env: []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HUBBLE_SERVER=unix:///var/run/cilium/hubble.sock", "INITSYSTEM=SYSTEMD",
	},
	WorkingDir: "/home/cilium",
	Cmd:        []string{"/usr/bin/cilium-dbg"},
}

var ciliumOperatorConfig = v1.Config{
	Env: []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		// The container may run as any user; gops writes there.
		"GOPS_CONFIG_DIR=/home/gops",
	},
	WorkingDir: "/",
	Cmd:        []string{"/usr/bin/cilium-operator-generic"},
}

// Cilium is the agent's image: everything that the DaemonSet of Cilium's chart runs, without Envoy. Envoy cannot be
// built here, so the chart needs envoy.enabled=false and l7Proxy=false.
//
// version is a release such as 1.19.5, "" for the release pinned in tools/images, or a folder (anything with a slash)
// with a checkout of Cilium's repository.
func (b *Builder) Cilium(version string) (Recipe, error) {
	src, err := b.ciliumSource(version)
	if err != nil {
		return Recipe{}, err
	}
	program, err := b.fixtureKey(compilerCache)
	if err != nil {
		return Recipe{}, err
	}
	return Recipe{
		Name: "cilium", Version: src.tag(), Parts: map[string]string{"cilium": src.tag(), "debian": Suite},
		Key:  Hash("cilium 1", src.programsKey(), ciliumRootFS().Key(), program, fmt.Sprint(ciliumConfig)),
		Make: func(ctx context.Context, b *Builder, r Recipe) error { return b.makeCilium(ctx, src, r) },
	}, nil
}

// CiliumOperator is the image of the operator for clusters without a cloud provider (cilium-operator-generic). version
// is as for Cilium.
func (b *Builder) CiliumOperator(version string) (Recipe, error) {
	src, err := b.ciliumSource(version)
	if err != nil {
		return Recipe{}, err
	}
	return Recipe{
		Name: "cilium-operator", Version: src.tag(), Parts: map[string]string{"cilium": src.tag()},
		Key:  Hash("cilium-operator 1", src.programsKey(), fmt.Sprint(ciliumOperatorConfig)),
		Make: func(ctx context.Context, b *Builder, r Recipe) error { return b.makeCiliumOperator(ctx, src, r) },
	}, nil
}

func (b *Builder) makeCilium(ctx context.Context, src ciliumSource, r Recipe) error {
	if err := b.need(ctx, toolGo()); err != nil {
		return err
	}
	var programs, rootfs, dir, cache string
	group, gctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		programs, err = b.ciliumPrograms(gctx, src)
		return err
	})
	group.Go(func() (err error) {
		rootfs, err = b.RootFS(gctx, ciliumRootFS())
		return err
	})
	group.Go(func() (err error) {
		dir, err = src.dir(gctx)
		return err
	})
	group.Go(func() (err error) {
		cache, err = b.fixture(gctx, compilerCache)
		return err
	})
	if err := group.Wait(); err != nil {
		return err
	}
	entries, err := ciliumFiles(dir, programs)
	if err != nil {
		return err
	}
	// The agent takes the first clang of its path.
	entries = append(entries, Entry{Path: "/usr/local/bin/clang", Mode: 0o755, From: filepath.Join(cache, compilerCache)})
	config := ciliumConfig
	config.Labels = r.Labels()
	versions, err := PackageVersions(rootfs, "libllvm19", "bpftool", "iptables", "ipset", "iproute2")
	if err != nil {
		return err
	}
	for name, version := range versions {
		config.Labels[LabelPart+strings.Replace(name, "libllvm19", "clang", 1)] = version
	}
	return b.loadLayers(ctx, r, config, entries, filepath.Join(rootfs, "rootfs.tar"))
}

func (b *Builder) makeCiliumOperator(ctx context.Context, src ciliumSource, r Recipe) error {
	if err := b.need(ctx, toolGo()); err != nil {
		return err
	}
	programs, err := b.ciliumPrograms(ctx, src)
	if err != nil {
		return err
	}
	config := ciliumOperatorConfig
	config.Labels = r.Labels()
	const operator = "cilium-operator-generic"
	return b.loadLayers(ctx, r, config, []Entry{
		{Path: "/usr/bin/" + operator, Mode: 0o755, From: filepath.Join(programs, operator)},
		{Path: "/home/gops", Mode: 0o777, Dir: true},
	})
}

// loadLayers loads an image into the engine: a layer of entries above the layers in files.
func (b *Builder) loadLayers(ctx context.Context, r Recipe, config v1.Config, entries []Entry, lower ...string) error {
	tmp, err := os.MkdirTemp("", "skidpad-image-")
	if err != nil {
		return fmt.Errorf("image %s: %w", r.Name, err)
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	layer := filepath.Join(tmp, "layer.tar")
	if err := WriteLayer(layer, entries); err != nil {
		return fmt.Errorf("image %s: %w", r.Name, err)
	}
	img, err := Assemble(config, append(lower, layer)...)
	if err != nil {
		return fmt.Errorf("image %s: %w", r.Name, err)
	}
	return b.Load(ctx, r.Ref(), img)
}

// ciliumFiles returns the agent image's files above its root file system. dir has Cilium's sources.
func ciliumFiles(dir, programs string) ([]Entry, error) {
	const agent = "/usr/bin/cilium-agent"
	entries := []Entry{
		{Path: agent, Mode: 0o755, From: filepath.Join(programs, ciliumJoint)},
		{Path: "/usr/bin/cilium-dbg", Link: "cilium-agent"},
		{Path: "/usr/bin/cilium", Link: "cilium-dbg"},
		{Path: "/opt/cni/bin/cilium-cni", Link: agent},
		{Path: "/home/cilium", Mode: 0o755, Dir: true},
	}
	if _, err := os.Stat(filepath.Join(dir, ciliumJoined["hubble"])); err == nil {
		entries = append(entries, Entry{Path: "/usr/bin/hubble", Link: "cilium-agent"})
	}
	for program := range maps.Keys(ciliumOwn) {
		file := filepath.Join(programs, program)
		if _, err := os.Stat(file); err == nil && program != "cilium-operator-generic" {
			entries = append(entries, Entry{Path: "/usr/bin/" + program, Mode: 0o755, From: file})
		}
	}
	for _, script := range []string{
		"images/cilium/init-container.sh", "plugins/cilium-cni/install-plugin.sh", "plugins/cilium-cni/cni-uninstall.sh",
	} {
		entries = append(entries, Entry{Path: "/" + path.Base(script), Mode: 0o755, From: filepath.Join(dir, script)})
	}
	sources, err := ciliumDatapath(filepath.Join(dir, "bpf"))
	return append(entries, sources...), err
}

// ciliumDatapath returns the eBPF sources for the agent's compiler: the files that `make install-bpf` in Cilium's
// repository installs.
func ciliumDatapath(bpf string) ([]Entry, error) {
	var entries []Entry
	err := filepath.WalkDir(bpf, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(bpf, file)
		if err != nil {
			return err
		}
		switch {
		case d.IsDir() && (rel == "tests" || rel == "complexity-tests" || rel == "custom"):
			return fs.SkipDir
		case d.IsDir(), rel == ".gitignore", rel == "Makefile", rel == "Makefile.bpf":
			return nil
		}
		switch filepath.Ext(file) {
		case ".i", ".s", ".o", ".ll":
			return nil // remains of a make in a checkout
		}
		entries = append(entries, Entry{Path: path.Join("/var/lib/cilium/bpf", filepath.ToSlash(rel)), Mode: 0o644, From: file})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("eBPF sources of Cilium: %w", err)
	}
	return entries, nil
}
