package exabgp

import (
	"strings"

	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/image/build"
)

// imageEntry is the catalogue's entry. The router brings the program that starts ExaBGP.
func imageEntry() image.Entry {
	debian := build.Debian{
		Name: "exabgp", Main: "exabgp", Version: "4.2.21", Pin: "imageEntry (lab/router/exabgp/image.go)", Config: build.Idle(),
		RootFS: build.RootFS{
			Name:     "exabgp-rootfs",
			Packages: strings.Fields(`bash tini iproute2 procps iputils-ping arping tcpdump curl ca-certificates nftables exabgp netbase`),
			Hooks:    []string{`rm -f "$1"/etc/exabgp/exabgp.conf`},
		},
	}
	return image.Entry{Name: "exabgp", What: "an ExaBGP router, which announces and does not forward by BGP",
		Recipe: func(b *build.Builder, version string) (build.Recipe, error) { return b.Debian(version, debian) }}
}
