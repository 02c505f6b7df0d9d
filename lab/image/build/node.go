package build

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"
)

// nodeRootFS has the packages and the systemd set-up of kind's base image: the set-up removes units that are useless in
// a container.
func nodeRootFS() RootFS {
	return RootFS{
		Name: "node-rootfs",
		Packages: strings.Fields(`systemd conntrack iptables nftables iproute2 ethtool util-linux mount kmod
			libseccomp2 pigz fuse-overlayfs nfs-common open-iscsi e2fsprogs bash ca-certificates curl jq procps`),
		Hooks: []string{
			`rm -f "$1"/usr/lib/systemd/system/sysinit.target.wants/systemd-tmpfiles-setup.service` +
				` "$1"/usr/lib/systemd/system/multi-user.target.wants/* "$1"/etc/systemd/system/*.wants/*` +
				` "$1"/usr/lib/systemd/system/local-fs.target.wants/* "$1"/usr/lib/systemd/system/sockets.target.wants/*udev*` +
				` "$1"/usr/lib/systemd/system/sockets.target.wants/*initctl* "$1"/usr/lib/systemd/system/basic.target.wants/*`,
			`echo ReadKMsg=no >> "$1"/etc/systemd/journald.conf`,
			`ln -sf /usr/lib/systemd/systemd "$1"/usr/sbin/init`,
			// binfmt_misc belongs to the whole kernel.
			`ln -sf /dev/null "$1"/etc/systemd/system/systemd-binfmt.service`,
		},
	}
}

// nodeConfig is the configuration of a node's container; systemd reads the variable and stops on the signal.
func nodeConfig() v1.Config {
	return v1.Config{
		Env:        []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "container=docker"},
		Entrypoint: []string{"/usr/local/bin/entrypoint", "/sbin/init"},
		StopSignal: "SIGRTMIN+3",
	}
}

// storageManifest is the default storage class, like in kind: a name without a provisioner, because the node has no
// image of a provisioner.
const storageManifest = `apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata:
  name: standard
  annotations:
    storageclass.kubernetes.io/is-default-class: "true"
provisioner: kubernetes.io/no-provisioner
volumeBindingMode: WaitForFirstConsumer
`

// Node is kind's node image with the control plane's images in its content store, like in published node images. Only
// the Kubernetes version pinned in tools/images can be built.
func (b *Builder) Node() (Recipe, error) {
	k, err := b.kubernetesVersions()
	if err != nil {
		return Recipe{}, err
	}
	inputs := []string{"node 2", nodeRootFS().Key(), proxyRootFS().Key(), k.Kind, pauseVersion, storageManifest, importScript}
	if inputs, err = k.keys(b, inputs); err != nil {
		return Recipe{}, err
	}
	return Recipe{
		Name: "node", Version: strings.TrimPrefix(k.Kubernetes, "v"), Key: Hash(inputs...),
		Parts: map[string]string{
			"kubernetes": k.Kubernetes, "containerd": k.Containerd, "runc": k.Runc, "cri-tools": k.CRITools,
			"cni-plugins": k.CNI, "etcd": k.Etcd, "coredns": k.CoreDNS, "kind": k.Kind, "debian": Suite,
		},
		Make: func(ctx context.Context, b *Builder, r Recipe) error { return b.makeNode(ctx, k, r) },
	}, nil
}

func (b *Builder) makeNode(ctx context.Context, k kubernetes, r Recipe) error {
	if err := b.need(ctx, toolGo(), toolCC(), toolSeccomp()); err != nil {
		return err
	}
	var rootfs, proxyRoot string
	group, gctx := errgroup.WithContext(ctx)
	bin := b.programsOf(gctx, group, k)
	group.Go(func() (err error) {
		rootfs, err = b.RootFS(gctx, nodeRootFS())
		return err
	})
	group.Go(func() (err error) {
		proxyRoot, err = b.RootFS(gctx, proxyRootFS())
		return err
	})
	if err := group.Wait(); err != nil {
		return err
	}
	images, err := b.controlPlane(ctx, k, r.Key, filepath.Join(proxyRoot, "rootfs.tar"), bin)
	if err != nil {
		return err
	}
	return b.assembleNode(ctx, k, r, rootfs, images, bin)
}

// assembleNode joins root file system, programs and kind's files, then imports the control plane's images by the node's
// own containerd.
func (b *Builder) assembleNode(ctx context.Context, k kubernetes, r Recipe, rootfs, images string, bin func(string, string) string) error {
	tmp, err := os.MkdirTemp("", "skidpad-node-")
	if err != nil {
		return fmt.Errorf("node image: %w", err)
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	entries, err := b.nodeFiles(ctx, k, bin)
	if err != nil {
		return err
	}
	layer := filepath.Join(tmp, "node.tar")
	if err := WriteLayer(layer, entries); err != nil {
		return err
	}
	config := nodeConfig()
	config.Labels = r.Labels()
	config.Labels[LabelKubeadmRepository] = Domain
	config.Labels[LabelKubeadmEtcdTag] = k.etcdTag()
	config.Labels[LabelKubeadmCoreDNSTag] = k.CoreDNS
	img, err := Assemble(config, filepath.Join(rootfs, "rootfs.tar"), layer)
	if err != nil {
		return err
	}
	base := strings.Replace(r.Ref(), "/node:", "/node-base:", 1)
	if err := b.Load(ctx, base, img); err != nil {
		return err
	}
	return b.onBase(ctx, base, r, filepath.Join(images, "images.tar"))
}

// onBase makes the node image from its base, and then removes the base's name: all of the base is in the node image.
func (b *Builder) onBase(ctx context.Context, base string, r Recipe, images string) error {
	if err := b.importImages(ctx, base, r, images); err != nil {
		return err
	}
	return b.Engine.Remove(ctx, base)
}

// importImages imports an archive of images by the base's own containerd, and commits the result as an image.
func (b *Builder) importImages(ctx context.Context, base string, r Recipe, images string) error {
	shop, _, done, err := b.workshop(ctx, base, false)
	if err != nil {
		return err
	}
	defer done()
	archive, err := os.Open(images)
	if err != nil {
		return fmt.Errorf("node image: %w", err)
	}
	defer func() { _ = archive.Close() }()
	if err := shop.Exec(ctx, archive, nil, importScript); err != nil {
		return fmt.Errorf("node image: import of the control plane's images: %w", err)
	}
	return shop.Commit(ctx, r.Ref(), r.Labels())
}

// nodeFiles returns kind's files and all programs, at kind's paths.
func (b *Builder) nodeFiles(ctx context.Context, k kubernetes, bin func(string, string) string) ([]Entry, error) {
	kindDir, err := b.ModuleDir(ctx, modKind, "sigs.k8s.io/kind")
	if err != nil {
		return nil, err
	}
	entries, err := kindFiles(filepath.Join(kindDir, "images", "base", "files"))
	if err != nil {
		return nil, err
	}
	spec, err := containerSpec(ctx, bin(modContainerd, "ctr"))
	if err != nil {
		return nil, err
	}
	entries = append(entries,
		Entry{Path: "/etc/containerd/cri-base.json", Mode: 0o644, Data: spec},
		Entry{Path: "/kind/version", Mode: 0o644, Data: []byte(k.Kubernetes)},
		Entry{Path: "/kind/manifests/default-storage.yaml", Mode: 0o644, Data: []byte(storageManifest)},
		Entry{Path: "/etc/kubernetes/manifests", Mode: 0o755, Dir: true},
	)
	for _, unit := range []string{"kubelet", "containerd", "undo-mount-hacks"} {
		entries = append(entries, Entry{
			Path: "/etc/systemd/system/multi-user.target.wants/" + unit + ".service",
			Link: "/etc/systemd/system/" + unit + ".service",
		})
	}
	for _, p := range []struct{ folder, module, programs string }{
		{"/usr/bin", modKubernetes, "kubeadm kubelet kubectl"},
		{"/usr/local/bin", modContainerd, "containerd ctr containerd-shim-runc-v2"},
		{"/usr/local/bin", modCRITools, "crictl"},
		{"/usr/local/sbin", modRunc, "runc"},
		{"/opt/cni/bin", modCNI, "host-local loopback ptp portmap bridge"},
	} {
		for _, program := range strings.Fields(p.programs) {
			entries = append(entries, Entry{Path: path.Join(p.folder, program), Mode: 0o755, From: bin(p.module, program)})
		}
	}
	return entries, nil
}

var sandboxImage = regexp.MustCompile(`(?m)^(\s*sandbox_image\s*=\s*).*$`)

// kindFiles reads the files of kind's base image: programs are executable, other files are not. The sandbox image in
// containerd's configuration becomes ours.
func kindFiles(dir string) ([]Entry, error) {
	var entries []Entry
	err := filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, file)
		if err != nil {
			return err
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		e := Entry{Path: "/" + rel, Mode: 0o644, Data: data}
		if strings.HasPrefix(rel, "usr/local/bin/") || strings.HasPrefix(rel, "kind/bin/") {
			e.Mode = 0o755
		}
		if rel == "etc/containerd/config.toml" {
			if !sandboxImage.Match(data) {
				return fmt.Errorf("%s names no sandbox_image to replace; this version of kind needs another recipe", rel)
			}
			e.Data = sandboxImage.ReplaceAll(data, []byte(`${1}"`+Domain+"/pause:"+pauseVersion+`"`))
		}
		entries = append(entries, e)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("files of kind's base image: %w", err)
	}
	return entries, nil
}

// containerSpec is containerd's default container with kind's changes: each container gets kind's product files by a
// hook, and has no resource limits of its own.
func containerSpec(ctx context.Context, ctr string) ([]byte, error) {
	out, err := output(exec.CommandContext(ctx, ctr, "oci", "spec"))
	if err != nil {
		return nil, fmt.Errorf("container specification of the node's containerd: %w", err)
	}
	var spec map[string]any
	if err := json.Unmarshal([]byte(out), &spec); err != nil {
		return nil, fmt.Errorf("container specification of the node's containerd: %w", err)
	}
	hooks, _ := spec["hooks"].(map[string]any)
	if hooks == nil {
		hooks = map[string]any{}
	}
	create, _ := hooks["createContainer"].([]any)
	hooks["createContainer"] = append(create, map[string]any{"path": "/kind/bin/mount-product-files.sh"})
	spec["hooks"] = hooks
	if process, ok := spec["process"].(map[string]any); ok {
		delete(process, "rlimits")
	}
	return json.MarshalIndent(spec, "", "  ")
}
