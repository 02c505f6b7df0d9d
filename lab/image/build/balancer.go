package build

import (
	"context"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// balancerRootFS is the root file system of static pods in front of API servers. Both balancers and keepalived share
// it, so a node with two static pods stores the files once. keepalived's check calls the API with curl.
func balancerRootFS() RootFS {
	return RootFS{
		Name:     "balancer-rootfs",
		Packages: strings.Fields(`tini haproxy nginx-light libnginx-mod-stream keepalived curl iproute2 procps`),
		Hooks: []string{
			`rm -f "$1"/etc/haproxy/haproxy.cfg "$1"/etc/nginx/nginx.conf "$1"/etc/keepalived/keepalived.conf`,
			`test -f "$1"/usr/lib/nginx/modules/ngx_stream_module.so`,
		},
	}
}

// Balancer is the image of an API endpoint's static pods: haproxy, nginx with its stream module, and keepalived.
func (b *Builder) Balancer() (Recipe, error) {
	config := v1.Config{Env: []string{searchPath}, Entrypoint: []string{"tini", "--"}}
	root := balancerRootFS()
	return Recipe{
		Name: "balancer", Version: "1", Key: Hash("balancer 1", root.Key(), strings.Join(config.Entrypoint, " ")), Parts: map[string]string{"debian": Suite},
		Make: func(ctx context.Context, b *Builder, r Recipe) error {
			dir, err := b.RootFS(ctx, root)
			if err != nil {
				return err
			}
			versions, err := PackageVersions(dir, "haproxy", "nginx", "keepalived")
			if err != nil {
				return err
			}
			config.Labels = r.Labels()
			for p, v := range versions {
				config.Labels[LabelPart+p] = v
			}
			img, err := Assemble(config, filepath.Join(dir, "rootfs.tar"))
			if err != nil {
				return err
			}
			return b.Load(ctx, r.Ref(), img)
		},
	}, nil
}
