package build

import "strings"

// Dockerd is the image of an engine with namespaces of its own, like the engine of another machine. The container must be
// privileged. Anybody who reaches TCP port 2375 may use the engine, so publish the port on loopback only. Docker of
// Debian's testing release grants only capabilities that the container has.
func (b *Builder) Dockerd(version string) (Recipe, error) {
	config := Starts("dockerd", "--host=unix:///run/docker.sock", "--host=tcp://0.0.0.0:2375", "--tls=false")
	config.ExposedPorts = map[string]struct{}{"2375/tcp": {}}
	config.Volumes = map[string]struct{}{"/var/lib/docker": {}} // the engine's overlays cannot lie on an overlay
	return b.Debian(version, Debian{
		Name: "engine", Main: "docker.io", Version: "1", Config: config, Parts: []string{"containerd", "runc"},
		RootFS: RootFS{Name: "engine-rootfs", Suite: "forky", Packages: strings.Fields(`tini docker.io iptables iproute2 kmod procps ca-certificates`)},
	})
}
