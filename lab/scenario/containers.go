package scenario

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Container is a container of any image beside the routers. The container has a network namespace of its own, with an
// interface for each network. Names in @{…}, such as @{r1.fabric}, in command, env and files stand for addresses of the plan.
type Container struct {
	Name string `json:"name"`
	// Image is a reference with a tag or a digest, such as debian:bookworm-slim, or a name of the catalogue, such as client,
	// exabgp or frr@10.3 (`skidpad images list`). If the image cannot be had, the scenario is skipped.
	Image    string   `json:"image" jsonschema:"example=debian:bookworm-slim"`
	Networks []string `json:"networks"`
	// Routes are static routes.
	Routes []StaticRoute `json:"routes,omitempty"`
	// Command replaces the entry point and the command of the image; default: the image's own.
	Command []string          `json:"command,omitempty"`
	Env     map[string]string `json:"env,omitempty"`
	// Files are files in the container, by absolute path; each is the name of a file beside the scenario, or {text: TEXT}. The files are there before the command runs.
	Files map[string]File `json:"files,omitempty"`
	// Ready is a command in the container that ends with 0 within 60 s when the container is ready; default: the container
	// runs for a second.
	Ready []string `json:"ready,omitempty"`
	// Privileged gives the container all capabilities and devices; default false.
	Privileged bool `json:"privileged,omitempty"`
	// Capabilities are further Linux capabilities (capabilities(7)), without CAP_.
	Capabilities []string `json:"capabilities,omitempty" jsonschema:"example=NET_ADMIN"`
}

// Hosts returns the clients, and each container as a client with the same networks and routes.
func (s *Spec) Hosts() []Client {
	all := slices.Clone(s.Clients)
	for _, c := range s.Containers {
		host := Client{Name: c.Name, Networks: c.Networks, Routes: c.Routes}
		if len(c.Networks) > 0 {
			host.Network = c.Networks[0]
		}
		all = append(all, host)
	}
	return all
}

var (
	imageName  = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*(@[0-9a-zA-Z.-]+)?$`)
	imageRef   = regexp.MustCompile(`^([a-zA-Z0-9.-]+(:[0-9]+)?/)?[a-z0-9][a-z0-9._/-]*(:[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?$`)
	capability = regexp.MustCompile(`^[A-Z][A-Z_]+$`)
	variable   = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
)

// ImageReference reports whether an image is a reference, such as debian:bookworm-slim, and no name of the catalogue, such as
// client or cilium@1.19.5.
func ImageReference(image string) bool {
	name, version, _ := strings.Cut(image, "@")
	return !imageName.MatchString(name) || strings.HasPrefix(version, "sha256:")
}

func (v *Validation) containers() {
	for i, c := range v.spec.Containers {
		at := fmt.Sprintf("spec.containers[%d]", i)
		if c.Image != "" && !imageName.MatchString(c.Image) && !imageRef.MatchString(c.Image) {
			v.Add(at+".image", "seen %q, want a reference such as debian:bookworm-slim, or a name of the catalogue such as client", c.Image)
		}
		v.NotEmpty(at+".networks", len(c.Networks))
		v.Repeated(at+".networks", c.Networks)
		for j, n := range c.Networks {
			v.Network(fmt.Sprintf("%s.networks[%d]", at, j), n)
		}
		if len(c.Networks) > 0 {
			v.staticRoutes(at+".routes", c.Routes, c.Networks, "")
		}
		for j, word := range c.Command {
			v.PlannedText(fmt.Sprintf("%s.command[%d]", at, j), word, Origin{})
		}
		for j, word := range c.Ready {
			v.PlannedText(fmt.Sprintf("%s.ready[%d]", at, j), word, Origin{})
		}
		for _, name := range slices.Sorted(maps.Keys(c.Env)) {
			if !variable.MatchString(name) {
				v.Add(join(at+".env", name), "seen %q, want a variable's name: letters, digits and _", name)
			}
			v.PlannedText(join(at+".env", name), c.Env[name], Origin{})
		}
		v.Files(at+".files", c.Files)
		v.Repeated(at+".capabilities", c.Capabilities)
		for j, name := range c.Capabilities {
			if !capability.MatchString(name) || len(name) > 4 && name[:4] == "CAP_" {
				v.Add(fmt.Sprintf("%s.capabilities[%d]", at, j), "seen %q, want a capability without CAP_, such as NET_ADMIN", name)
			}
		}
	}
}
