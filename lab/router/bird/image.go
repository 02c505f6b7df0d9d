package bird

import (
	"strings"

	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/image/build"
)

// imageEntry is the catalogue's entry. BIRD has a root file system of its own: a change of BIRD leaves other images as
// they are. The router brings the program that starts BIRD.
func imageEntry() image.Entry {
	debian := build.Debian{
		Name: "bird", Main: "bird2", Version: "2.0.12", Config: build.Idle(),
		RootFS: build.RootFS{
			Name:     "bird-rootfs",
			Packages: strings.Fields(`bash tini iproute2 procps iputils-ping arping tcpdump curl ca-certificates nftables bird2 netbase`),
			Hooks:    []string{`rm -f "$1"/etc/bird/bird.conf`},
		},
	}
	return image.Entry{Name: "bird", What: "a BIRD router", Recipe: func(b *build.Builder, version string) (build.Recipe, error) {
		return b.Debian(version, debian)
	}}
}
