package build

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Etcd is the image of a datastore beside a cluster: etcd and etcdctl from the module of the node image.
func (b *Builder) Etcd() (Recipe, error) {
	k, err := b.kubernetesVersions()
	if err != nil {
		return Recipe{}, err
	}
	all := k.programs()
	programs := all[slices.IndexFunc(all, func(p Programs) bool { return p.Module == modEtcd })]
	key, err := programs.Key(b)
	if err != nil {
		return Recipe{}, err
	}
	config := v1.Config{Env: []string{searchPath}, Entrypoint: []string{"/usr/local/bin/etcd"}}
	return Recipe{
		Name: "etcd", Version: strings.TrimPrefix(k.Etcd, "v"), Parts: map[string]string{"etcd": k.Etcd}, Key: Hash("etcd 1", key, fmt.Sprint(config)),
		Make: func(ctx context.Context, b *Builder, r Recipe) error {
			if err := b.need(ctx, toolGo()); err != nil {
				return err
			}
			folder, err := b.Programs(ctx, programs)
			if err != nil {
				return err
			}
			config.Labels = r.Labels()
			var entries []Entry
			for _, file := range []string{"etcd", "etcdctl"} {
				entries = append(entries, Entry{Path: "/usr/local/bin/" + file, Mode: 0o755, From: filepath.Join(folder, file)})
			}
			return b.loadLayers(ctx, r, config, entries)
		},
	}, nil
}
