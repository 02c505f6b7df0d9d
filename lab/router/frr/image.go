package frr

import (
	"cmp"

	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/image/build"
)

// releases lists the versions of FRR that can be built, oldest first, each with the release of Debian that has the
// version. Debian's testing release (forky) moves on; the version here has to follow.
func releases() []struct{ version, suite string } {
	return []struct{ version, suite string }{{"8.4.4", build.Suite}, {"10.3", "trixie"}, {"10.7.1", "forky"}}
}

// imageEntry is the catalogue's entry.
func imageEntry() image.Entry {
	return image.Entry{
		Name: "frr", What: "an FRR router",
		Upstream: func(v string) string { return "frrouting/frr:v" + cmp.Or(v, "8.4.1") },
		Recipe: func(b *build.Builder, version string) (build.Recipe, error) {
			return b.Debian(version, debian()...)
		},
	}
}

// startDaemons starts the daemons of /etc/frr/daemons and stays: watchfrr is the container's program.
const startDaemons = `#!/bin/bash
set -e
. /usr/lib/frr/frrcommon.sh
install -d -o frr -g frr /run/frr /var/log/frr /etc/frr
chown -R frr:frr /etc/frr
exec /usr/lib/frr/watchfrr $(daemon_list)
`

func debian() []build.Debian {
	var all []build.Debian
	for _, r := range releases() {
		all = append(all, build.Debian{
			Name: "frr", Main: "frr", Version: r.version, Pin: "releases (lab/router/frr/image.go)", RootFS: build.NetRootFS(r.suite),
			Files: []build.Entry{
				{Path: "/usr/lib/frr/docker-start", Mode: 0o755, Data: []byte(startDaemons)},
				{Path: "/etc/frr/vtysh.conf", Mode: 0o644, Data: []byte(vtyshFile)},
			},
			Config: build.Starts("/usr/lib/frr/docker-start"),
		})
	}
	return all
}
