package build

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"golang.org/x/sync/errgroup"
)

const (
	standIn = "k3s-standin"
	// standInShare is the folder of the stand-in's (fixtures/k3s-standin) own files.
	standInShare = "/usr/share/" + standIn
)

// standInConfig runs like k3s's image: the Dockerfile of k3s names these folders as volumes and this file for crictl.
var standInConfig = v1.Config{
	Env:        []string{searchPath, "CRI_CONFIG_FILE=/var/lib/rancher/k3s/agent/etc/crictl.yaml"},
	Entrypoint: []string{"/bin/k3s"},
	Cmd:        []string{"agent"},
	Volumes:    map[string]struct{}{"/var/lib/rancher/k3s": {}, "/var/lib/kubelet": {}, "/var/lib/cni": {}, "/var/log": {}},
}

// standInPrograms are the programs started by the stand-in, by their module.
func standInPrograms() []struct{ folder, module, programs string } {
	return []struct{ folder, module, programs string }{
		{"/usr/bin", modKubernetes, "kubelet kubectl kube-apiserver kube-controller-manager kube-scheduler"},
		{"/usr/local/bin", modContainerd, "containerd ctr containerd-shim-runc-v2"},
		{"/usr/local/bin", modCRITools, "crictl"},
		{"/usr/local/sbin", modRunc, "runc"},
		{"/opt/cni/bin", modCNI, "host-local loopback ptp portmap bridge"},
	}
}

// K3sStandIn is an image with the contract of published, k3s's image, as far as labs use the contract. The image is for
// machines without the published image; its name and a label mark the stand-in.
func (b *Builder) K3sStandIn(published string) (Recipe, error) {
	k, err := b.kubernetesVersions()
	if err != nil {
		return Recipe{}, err
	}
	program, err := b.fixtureKey(standIn)
	if err != nil {
		return Recipe{}, err
	}
	inputs := []string{"k3s stand-in 1", nodeRootFS().Key(), program, pauseVersion, fmt.Sprint(standInConfig), fmt.Sprint(standInPrograms())}
	if inputs, err = k.keys(b, inputs); err != nil {
		return Recipe{}, err
	}
	return Recipe{
		Name: standIn, Version: strings.TrimPrefix(k.Kubernetes, "v"), Key: Hash(inputs...),
		Parts: map[string]string{"kubernetes": k.Kubernetes, "containerd": k.Containerd, "runc": k.Runc, "coredns": k.CoreDNS, "debian": Suite},
		Make: func(ctx context.Context, b *Builder, r Recipe) error {
			if err := b.need(ctx, toolGo(), toolCC(), toolSeccomp()); err != nil {
				return err
			}
			return b.makeStandIn(ctx, k, published, r)
		},
	}, nil
}

func (b *Builder) makeStandIn(ctx context.Context, k kubernetes, published string, r Recipe) error {
	var rootfs, program string
	group, gctx := errgroup.WithContext(ctx)
	bin := b.programsOf(gctx, group, k)
	group.Go(func() (err error) {
		rootfs, err = b.RootFS(gctx, nodeRootFS())
		return err
	})
	group.Go(func() (err error) {
		program, err = b.fixture(gctx, standIn)
		return err
	})
	if err := group.Wait(); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp("", "skidpad-"+standIn+"-")
	if err != nil {
		return fmt.Errorf("image %s: %w", standIn, err)
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	entries, err := b.standInImages(ctx, k, tmp, bin(modCoreDNS, "coredns"))
	if err != nil {
		return err
	}
	entries = append(entries, Entry{Path: "/usr/bin/k3s", Mode: 0o755, From: filepath.Join(program, standIn)})
	for _, p := range standInPrograms() {
		for _, file := range strings.Fields(p.programs) {
			entries = append(entries, Entry{Path: path.Join(p.folder, file), Mode: 0o755, From: bin(p.module, file)})
		}
	}
	config := standInConfig
	config.Labels = r.Labels()
	config.Labels[LabelStandIn] = published
	return b.loadLayers(ctx, r, config, entries, filepath.Join(rootfs, "rootfs.tar"))
}

// standInImages returns the images of pause and CoreDNS as an archive, and their names, as files of the stand-in.
func (b *Builder) standInImages(ctx context.Context, k kubernetes, tmp, coredns string) ([]Entry, error) {
	pause := filepath.Join(tmp, "pause")
	if err := b.buildPause(ctx, pause); err != nil {
		return nil, err
	}
	images := map[name.Reference]v1.Image{}
	var entries []Entry
	for _, i := range []struct{ name, tag, file string }{{"pause", pauseVersion, pause}, {"coredns", k.CoreDNS, coredns}} {
		tag, err := name.NewTag(Domain + "/" + i.name + ":" + i.tag)
		if err != nil {
			return nil, err
		}
		layer := filepath.Join(tmp, i.name+".layer")
		if err := WriteLayer(layer, []Entry{{Path: "/" + i.name, Mode: 0o755, From: i.file}}); err != nil {
			return nil, err
		}
		if images[tag], err = Assemble(v1.Config{Env: []string{searchPath}, Entrypoint: []string{"/" + i.name}}, layer); err != nil {
			return nil, err
		}
		entries = append(entries, Entry{Path: standInShare + "/" + i.name, Mode: 0o644, Data: []byte(tag.String() + "\n")})
	}
	archive := filepath.Join(tmp, "images.tar")
	if err := tarball.MultiRefWriteToFile(archive, images); err != nil {
		return nil, fmt.Errorf("images of %s: %w", standIn, err)
	}
	return append(entries, Entry{Path: standInShare + "/images.tar", Mode: 0o644, From: archive}), nil
}
