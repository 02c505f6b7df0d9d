package gobgp

import (
	"regexp"

	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/image/build"
)

const (
	// module is the folder of the pinned module.
	module = "tools/images/gobgp"
	// pinned is the module's version; a test compares.
	pinned = "4.8.0"
)

// released matches the versions that can be built: the module paths of releases 3 and 4 end with the major number.
var released = regexp.MustCompile(`^[34]\.[0-9]+\.[0-9]+$`)

// imageEntry is the catalogue's entry.
func imageEntry() image.Entry {
	return image.Entry{
		Name: "gobgp", What: "a GoBGP router, with FRR's zebra for its FIB",
		Recipe: func(b *build.Builder, version string) (build.Recipe, error) {
			switch {
			case version == "":
				return b.Debian("", debian(pinned))
			case !released.MatchString(version):
				return build.Recipe{}, build.NoVersion("gobgp", "any release of 3 and 4", pinned)
			}
			return b.Debian(version, debian(version))
		},
	}
}

// debian is a GoBGP router: GoBGP's daemon and command line, of the pinned version or of another release. FRR's zebra
// beside GoBGP writes the routes into the kernel's table: GoBGP itself writes none.
func debian(version string) build.Debian {
	path := "github.com/osrg/gobgp/v" + version[:1]
	programs := build.Programs{Module: module}
	if version != pinned {
		programs.Release = path + "@v" + version
	}
	programs.Packages = map[string]string{"gobgpd": path + "/cmd/gobgpd", "gobgp": path + "/cmd/gobgp"}
	return build.Debian{Name: "gobgp", Main: "frr", Version: version, RootFS: build.NetRootFS(build.Suite), Programs: &programs, Config: build.Idle()}
}
