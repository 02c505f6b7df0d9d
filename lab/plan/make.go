package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"

	"skidpad.dev/skidpad/lab/scenario"
)

// maxLab bounds a lab's name, because cluster nodes' host names must stay under 63 characters (RFC 1035, 2.3.4). A
// scenario's name has the same bound, because the scenario's name is the default of the lab's name.
const maxLab = 30

var labForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)

// LabNameError is a lab's name that is no valid part of the names of the lab's parts.
type LabNameError struct{ Name string }

// Error describes the valid names.
func (e *LabNameError) Error() string {
	return fmt.Sprintf("lab name: seen %q, want lower-case letters, digits and inner hyphens, at most %d of them; give one with --name", e.Name, maxLab)
}

// Make computes every part of a lab with a name. Make is pure: equal arguments give equal plans. The scenario must come
// from scenario.Load or Parse. Errors are *LabNameError, *MemoryError and *SubnetError.
func Make(s *scenario.Scenario, lab string, h Host) (*Plan, error) {
	if len(lab) > maxLab || !labForm.MatchString(lab) {
		return nil, &LabNameError{Name: lab}
	}
	if err := unknownLevers(h.Without); err != nil {
		return nil, err
	}
	p := &Plan{Lab: lab, Scenario: s, Without: h.Without}
	if err := fits(&s.Spec, h.Memory); err != nil {
		return nil, err
	}
	b := &builder{Plan: p, spec: &s.Spec, host: h}
	if err := b.networks(); err != nil {
		return nil, err
	}
	b.kernel()
	if b.host.Found == nil {
		b.addons()
	}
	b.manifests()
	b.cluster()
	b.gateways()
	b.routers()
	b.clients()
	b.containers()
	b.natives()
	b.containerTexts()
	b.objects()
	b.workloads()
	b.images()
	b.steps()
	hash, err := hashOf(p)
	if err != nil {
		return nil, fmt.Errorf("lab bug: plan cannot be written as JSON: %w", err)
	}
	p.Hash = hash
	return p, nil
}

// builder fills in a plan, part by part. Later parts read the earlier parts.
type builder struct {
	*Plan
	spec *scenario.Spec
	host Host
	// mounts are the file systems that addons want on every node.
	mounts []Mount
}

// name returns the engine's name of a part of the lab.
func (b *builder) name(part string) string { return "skidpad-" + b.Lab + "-" + part }

// network returns the planned network with a name. Validation ensures that the network exists.
func (b *builder) network(name string) Network {
	for _, n := range b.Networks {
		if n.Name == name {
			return n
		}
	}
	return Network{}
}

// clusterNetwork returns the name of the nodes' network; empty without a cluster.
func (b *builder) clusterNetwork() string {
	if b.spec.Cluster == nil {
		return ""
	}
	return b.spec.Cluster.Network
}

// hashOf returns the first 16 hexadecimal digits of the SHA-256 of the plan without its hash.
func hashOf(p *Plan) (string, error) {
	rest := *p
	rest.Hash = ""
	data, err := json.Marshal(&rest)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:8]), nil
}

func (b *builder) workloads() {
	for _, w := range b.spec.Workloads {
		if w.Echo == nil {
			continue
		}
		b.Workloads = append(b.Workloads, Workload{
			Name:      w.Echo.Name,
			Namespace: "default",
			Replicas:  w.Echo.Replicas,
			Image:     Image{Name: "echo"},
			Ports:     Ports{HTTP: EchoPort, UDP: EchoPort},
			Service:   Service{Name: w.Echo.Name, Service: w.Echo.Service},
			DualStack: b.spec.DualStack(),
		})
	}
}

// images lists the images that the engine needs. The node image already has the images of programs inside the cluster.
func (b *builder) images() {
	have := map[string]bool{}
	add := func(i Image) {
		if !have[i.Key()] {
			have[i.Key()] = true
			b.Images = append(b.Images, i)
		}
	}
	if b.Cluster != nil {
		if !b.Cluster.Exists() {
			add(b.Cluster.Image)
		} else if len(b.Workloads) > 0 {
			add(b.Workloads[0].Image)
		}
		if k := b.Cluster.K3s; k != nil {
			add(k.Datastore.Image)
			for _, i := range k.Archives {
				add(i)
			}
		}
	}
	for _, r := range b.Routers {
		add(r.Image)
	}
	for _, g := range b.Gateways {
		add(g.Image)
	}
	for _, c := range b.Clients {
		add(c.Image)
	}
	for _, c := range b.Containers {
		add(c.Image)
		add(c.Host.Image)
	}
	if b.Cluster != nil {
		add(ClientImage()) // for the image's prober, if the lab has no client
	}
}

// ClientImage returns the catalogue's image of clients. The image has the prober; other nodes get a copy of the prober.
func ClientImage() Image { return Image{Name: "client"} }

// routerImage returns the catalogue's image of a router's software.
func routerImage(r scenario.Router) Image {
	return Image{Name: string(r.Software), Version: r.Version}
}
