package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Container is a container of any image. Host owns the network namespace, so the image needs no programs for the lab.
type Container struct {
	Name         string            `json:"name"`
	Container    string            `json:"container"` // skidpad-<lab>-mon
	Image        Image             `json:"image"`
	Host         Client            `json:"host"` // skidpad-<lab>-mon.net
	Command      []string          `json:"command,omitempty"`
	Env          map[string]string `json:"env,omitempty"`
	Files        []File            `json:"files,omitempty"`
	Ready        []string          `json:"ready,omitempty"`
	Privileged   bool              `json:"privileged,omitempty"`
	Capabilities []string          `json:"capabilities,omitempty"`
}

func (b *builder) containers() {
	hosts := b.spec.Hosts()
	for i, c := range b.spec.Containers {
		at := len(b.spec.Clients) + i
		host := b.client(at, hosts[at])
		host.Container += ".net" // a dot is in no name of a scenario
		b.Containers = append(b.Containers, Container{
			Name: c.Name, Container: b.name(c.Name), Image: ImageOf(c.Image, b.Scenario.Where(fmt.Sprintf("spec.containers[%d].image", i))), Host: host,
			Privileged: c.Privileged, Capabilities: c.Capabilities,
		})
	}
}

// containerTexts fills in the texts of containers: all addresses are known by then.
func (b *builder) containerTexts() {
	for i, c := range b.spec.Containers {
		out := &b.Containers[i]
		out.Files = b.files(c.Files)
		for _, word := range c.Command {
			out.Command = append(out.Command, b.fill(word))
		}
		for _, word := range c.Ready {
			out.Ready = append(out.Ready, b.fill(word))
		}
		out.Env = maps.Clone(c.Env)
		for name, value := range out.Env {
			out.Env[name] = b.fill(value)
		}
	}
}

func (p *Plan) containersText(t *text) {
	if len(p.Containers) > 0 {
		t.table("CONTAINER\tENGINE'S NAME\tIMAGE\tADDRESSES\tROUTES\tCOMMAND")
	}
	for _, c := range p.Containers {
		t.row(c.Name, c.Container, c.Image.Key(), addresses(c.Host.Attachments()), routesText(c.Host.Routes), strings.Join(c.Command, " "))
	}
}

// nativeText writes the native configurations and the further files.
func (p *Plan) nativeText(t *text) {
	files := func(of string, all []File) {
		for _, f := range all {
			t.document("file "+f.Path+" of "+of, ended(f.Text))
		}
	}
	for _, r := range p.Routers {
		if r.Native != nil {
			files(r.Name, r.Native.Files)
		}
	}
	for _, c := range p.Containers {
		for _, name := range slices.Sorted(maps.Keys(c.Env)) {
			t.document("variable of "+c.Name, name+"="+c.Env[name]+"\n")
		}
		files(c.Name, c.Files)
	}
}

func ended(text string) string { return strings.TrimSuffix(text, "\n") + "\n" }
