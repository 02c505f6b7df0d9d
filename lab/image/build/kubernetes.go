package build

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"golang.org/x/sync/errgroup"
)

// pauseVersion is the version of the pause image that kubeadm of the pinned Kubernetes wants.
const pauseVersion = "3.10.2"

// kubernetes are the versions of the pinned Kubernetes and of the other images that its kubeadm runs.
type kubernetes struct {
	Kubernetes, Containerd, Runc, CRITools, CNI, Etcd, CoreDNS, Kind string
}

// modules are the folders of the pinned modules.
const (
	modKind       = "tools/images/kind"
	modKubernetes = "tools/images/kubernetes"
	modContainerd = "tools/images/containerd"
	modCRITools   = "tools/images/cri-tools"
	modCNI        = "tools/images/cni-plugins"
	modRunc       = "tools/images/runc"
	modEtcd       = "tools/images/etcd"
	modCoreDNS    = "tools/images/coredns"
)

func (b *Builder) kubernetesVersions() (kubernetes, error) {
	var k kubernetes
	for _, v := range []struct {
		to             *string
		folder, module string
	}{
		{&k.Kubernetes, modKubernetes, "k8s.io/kubernetes"},
		{&k.Containerd, modContainerd, "github.com/containerd/containerd/v2"},
		{&k.Runc, modRunc, "github.com/opencontainers/runc"},
		{&k.CRITools, modCRITools, "sigs.k8s.io/cri-tools"},
		{&k.CNI, modCNI, "github.com/containernetworking/plugins"},
		{&k.Etcd, modEtcd, "go.etcd.io/etcd/server/v3"},
		{&k.CoreDNS, modCoreDNS, "github.com/coredns/coredns"},
		{&k.Kind, modKind, "sigs.k8s.io/kind"},
	} {
		version, err := b.ModuleVersion(filepath.Join(v.folder, "go.mod"), v.module)
		if err != nil {
			return kubernetes{}, err
		}
		*v.to = version
	}
	return k, nil
}

func (k kubernetes) etcdTag() string { return strings.TrimPrefix(k.Etcd, "v") + "-0" }

// programs of the node and of the control plane, the slowest build first.
func (k kubernetes) programs() []Programs {
	const cmd = "k8s.io/kubernetes/cmd/"
	kube := Programs{Module: modKubernetes, Packages: map[string]string{}, Tags: []string{"selinux", "notest"}}
	for _, p := range []string{"kubeadm", "kubelet", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl", "kube-proxy"} {
		kube.Packages[p] = cmd + p
	}
	numbers := append(strings.Split(strings.TrimPrefix(k.Kubernetes, "v"), "."), "")
	for _, pkg := range []string{"k8s.io/component-base/version", "k8s.io/client-go/pkg/version"} {
		kube.LDFlags = append(kube.LDFlags, "-X "+pkg+".gitVersion="+k.Kubernetes, "-X "+pkg+".gitMajor="+numbers[0],
			"-X "+pkg+".gitMinor="+numbers[1], "-X "+pkg+".gitTreeState=clean")
	}
	const containerd = "github.com/containerd/containerd/v2/cmd/"
	const plugins = "github.com/containernetworking/plugins/plugins/"
	return []Programs{
		kube,
		{Module: modContainerd, Tags: []string{"no_btrfs", "no_devmapper", "no_zfs", "no_aufs"},
			LDFlags: []string{"-X github.com/containerd/containerd/v2/version.Version=" + k.Containerd},
			Packages: map[string]string{"containerd": containerd + "containerd", "ctr": containerd + "ctr",
				"containerd-shim-runc-v2": containerd + "containerd-shim-runc-v2"}},
		{Module: modCoreDNS, Packages: map[string]string{"coredns": "github.com/coredns/coredns"}},
		{Module: modEtcd, Packages: map[string]string{"etcd": "go.etcd.io/etcd/server/v3", "etcdctl": "go.etcd.io/etcd/etcdctl/v3"}},
		{Module: modCRITools, Packages: map[string]string{"crictl": "sigs.k8s.io/cri-tools/cmd/crictl"},
			LDFlags: []string{"-X sigs.k8s.io/cri-tools/pkg/version.Version=" + k.CRITools}},
		{Module: modCNI, Packages: map[string]string{"host-local": plugins + "ipam/host-local", "loopback": plugins + "main/loopback",
			"ptp": plugins + "main/ptp", "portmap": plugins + "meta/portmap", "bridge": plugins + "main/bridge"}},
		// Without seccomp every pod sandbox fails, and seccomp is a C library.
		{Module: modRunc, Packages: map[string]string{"runc": "github.com/opencontainers/runc"}, Tags: []string{"seccomp"}, CGO: true},
	}
}

// programsOf builds those programs in a group. After the end of the group, the returned function finds a program by its
// module and name.
func (b *Builder) programsOf(ctx context.Context, group *errgroup.Group, k kubernetes) func(module, program string) string {
	programs := k.programs()
	folders := make([]string, len(programs))
	for i, p := range programs {
		group.Go(func() (err error) {
			folders[i], err = b.Programs(ctx, p)
			return err
		})
	}
	return func(module, program string) string {
		for i, p := range programs {
			if p.Module == module {
				return filepath.Join(folders[i], program)
			}
		}
		return ""
	}
}

// proxyRootFS has the programs that kube-proxy runs.
func proxyRootFS() RootFS {
	return RootFS{Name: "kube-proxy-rootfs", Packages: []string{"iptables", "nftables", "conntrack", "kmod", "ipset"}}
}

// controlPlane returns a folder with images.tar: every image that kubeadm runs, under our own names.
func (b *Builder) controlPlane(ctx context.Context, k kubernetes, key, proxyRoot string, bin func(module, program string) string) (string, error) {
	return b.Artefact(ctx, "control-plane-images", key, func(ctx context.Context, dir string) error {
		pause := filepath.Join(dir, "pause")
		if err := b.buildPause(ctx, pause); err != nil {
			return err
		}
		images := map[name.Reference]v1.Image{}
		add := func(ref, path string, entrypoint, lower []string, files ...string) error {
			tag, err := name.NewTag(Domain + "/" + ref)
			if err != nil {
				return err
			}
			var entries []Entry
			for _, f := range files {
				entries = append(entries, Entry{Path: path + filepath.Base(f), Mode: 0o755, From: f})
			}
			layer := filepath.Join(dir, strings.ReplaceAll(ref, ":", "-")+".layer")
			if err := WriteLayer(layer, entries); err != nil {
				return err
			}
			images[tag], err = Assemble(v1.Config{Env: []string{searchPath}, Entrypoint: entrypoint}, append(lower, layer)...)
			return err
		}
		const usrLocal = "/usr/local/bin/"
		for _, p := range []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler"} {
			if err := add(p+":"+k.Kubernetes, usrLocal, []string{usrLocal + p}, nil, bin(modKubernetes, p)); err != nil {
				return err
			}
		}
		const proxy = "kube-proxy"
		if err := add(proxy+":"+k.Kubernetes, usrLocal, []string{usrLocal + proxy}, []string{proxyRoot}, bin(modKubernetes, proxy)); err != nil {
			return err
		}
		if err := add("etcd:"+k.etcdTag(), usrLocal, nil, nil, bin(modEtcd, "etcd"), bin(modEtcd, "etcdctl")); err != nil {
			return err
		}
		if err := add("coredns:"+k.CoreDNS, "/", []string{"/coredns"}, nil, bin(modCoreDNS, "coredns")); err != nil {
			return err
		}
		if err := add("pause:"+pauseVersion, "/", []string{"/pause"}, nil, pause); err != nil {
			return err
		}
		if err := tarball.MultiRefWriteToFile(filepath.Join(dir, "images.tar"), images); err != nil {
			return fmt.Errorf("control plane images: %w", err)
		}
		return removeGlob(filepath.Join(dir, "*.layer"))
	})
}

// buildPause compiles the holder of a pod's namespaces from Kubernetes' source.
func (b *Builder) buildPause(ctx context.Context, to string) error {
	dir, err := b.ModuleDir(ctx, modKubernetes, "k8s.io/kubernetes")
	if err != nil {
		return err
	}
	if err := b.need(ctx, toolCC()); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "cc", "-Os", "-Wall", "-static", "-s", "-DVERSION=v"+pauseVersion,
		"-o", to, filepath.Join(dir, "build", "pause", "linux", "pause.c"))
	if err := run(cmd); err != nil {
		return fmt.Errorf("build pause: %w", err)
	}
	return nil
}

func removeGlob(pattern string) error {
	files, err := filepath.Glob(pattern)
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := os.Remove(f); err != nil {
			return err
		}
	}
	return nil
}

// keys adds the keys of the programs to the inputs of an image.
func (k kubernetes) keys(b *Builder, inputs []string) ([]string, error) {
	for _, p := range k.programs() {
		key, err := p.Key(b)
		if err != nil {
			return nil, err
		}
		inputs = append(inputs, key)
	}
	return inputs, nil
}
