package kind

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"path"
	"strings"

	"github.com/moby/moby/client"
	"sigs.k8s.io/yaml"

	"skidpad.dev/skidpad/lab/cluster/endpoint"
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/plan"
)

// certificateKey makes a new key for the certificates that control-plane nodes exchange in a Secret: AES-256 (kubeadm
// init --certificate-key).
func certificateKey() (string, error) {
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return "", err
	}
	return hex.EncodeToString(key), nil
}

// endpointPatches give kubeadm the API's address in the cluster, and the key for the exchange of certificates.
func endpointPatches(e *plan.APIEndpoint, key string) []map[string]any {
	if e == nil {
		return nil
	}
	return []map[string]any{
		{
			"apiVersion": kubeadmAPI, "kind": "ClusterConfiguration",
			"controlPlaneEndpoint": e.Server(),
			// kubeadm adds each node's own name and address, and the endpoint's address; a merge patch replaces lists.
			"apiServer": map[string]any{"certSANs": []any{"localhost", "127.0.0.1", e.Address.String()}},
		},
		{"apiVersion": kubeadmAPI, "kind": "InitConfiguration", "certificateKey": key},
	}
}

// guard writes the files of the endpoint's static pods to a control-plane node. The kubelet need not run yet.
func (c *Cluster) guard(ctx context.Context, n plan.Node, img image.Resolved) error {
	e := c.plan.Cluster.APIEndpoint
	if e == nil {
		return nil
	}
	// The label of a preloaded node image for each image inside.
	ref := img.Parts["preload."+e.Image.Name]
	if ref == "" {
		return fmt.Errorf("lab bug: node image %s holds no image %s", img.Ref, e.Image.Name)
	}
	addresses := map[string]netip.Addr{}
	for _, cp := range c.plan.Cluster.ControlPlanes() {
		a, err := c.address(ctx, cp.Name)
		if err != nil {
			return err
		}
		addresses[cp.Short] = a
	}
	servers, err := endpoint.Servers(*e, addresses)
	if err != nil {
		return err
	}
	files, err := endpoint.Render(*e, n.Short, ref, servers)
	if err != nil {
		return err
	}
	h := c.handle(n)
	for _, f := range files {
		// The kubelet reads every file in its folder, so a file must appear there complete.
		script := fmt.Sprintf("mkdir -p %s && cat > /kind/skidpad.new && chmod %s /kind/skidpad.new && mv /kind/skidpad.new %s", path.Dir(f.Path), f.Mode, f.Path)
		if out, err := h.ExecInput(ctx, []byte(f.Text), "sh", "-c", script); err != nil {
			return failure("write "+f.Path, out, err)
		}
	}
	return nil
}

// address returns a node's address on the cluster's network, or the zero Addr without an address, for example of a
// stopped node.
func (c *Cluster) address(ctx context.Context, container string) (netip.Addr, error) {
	network, err := c.network()
	if err != nil {
		return netip.Addr{}, err
	}
	seen, err := c.engine.Client.ContainerInspect(ctx, container, client.ContainerInspectOptions{})
	if err != nil {
		return netip.Addr{}, fmt.Errorf("node %s: %w", container, err)
	}
	if s := seen.Container.NetworkSettings; s != nil && s.Networks[network] != nil {
		ep := s.Networks[network]
		if !ep.IPAddress.IsValid() && ep.IPAMConfig != nil {
			return ep.IPAMConfig.IPv4Address, nil // a stopped node gets this address again
		}
		return ep.IPAddress, nil
	}
	return netip.Addr{}, nil
}

// completed returns a node's kubeadm configuration, of several documents, with the fields that make the node join as a
// control plane: kind configures the node as a worker.
func completed(conf []byte, name string, address netip.Addr) ([]byte, error) {
	var key string
	var out [][]byte
	joins := false
	docs := bytes.Split(conf, []byte("\n---\n"))
	for _, doc := range docs {
		head := struct{ CertificateKey string }{}
		if err := yaml.Unmarshal(doc, &head); err != nil {
			return nil, err
		}
		if head.CertificateKey != "" {
			key = head.CertificateKey
		}
	}
	for _, doc := range docs {
		object := map[string]any{}
		if err := yaml.Unmarshal(doc, &object); err != nil {
			return nil, err
		}
		if object["kind"] == "JoinConfiguration" {
			joins = true
			object["controlPlane"] = map[string]any{
				"localAPIEndpoint": map[string]any{"advertiseAddress": address.String(), "bindPort": 6443},
				"certificateKey":   key,
			}
			registration, _ := object["nodeRegistration"].(map[string]any)
			if registration == nil {
				registration = map[string]any{}
			}
			registration["name"] = name
			object["nodeRegistration"] = registration
		}
		text, err := yaml.Marshal(object)
		if err != nil {
			return nil, err
		}
		out = append(out, text)
	}
	if key == "" || !joins {
		return nil, errors.New("no JoinConfiguration, or no InitConfiguration with a certificateKey")
	}
	return bytes.Join(out, []byte("---\n")), nil
}

// prepare prepares a node to join as a control plane: its kubeadm configuration and the endpoint's static pods.
func (c *Cluster) prepare(ctx context.Context, n plan.Node, img image.Resolved) error {
	address, err := c.address(ctx, n.Name)
	if err != nil {
		return err
	}
	h := c.handle(n)
	conf, err := h.Exec(ctx, "cat", kubeadmConf)
	if err != nil {
		return err
	}
	conf, err = completed(conf, n.Name, address)
	if err != nil {
		return fmt.Errorf("node %s: %s: %w", n.Name, kubeadmConf, err)
	}
	if out, err := h.ExecInput(ctx, conf, "sh", "-c", "cat > "+kubeadmConf); err != nil {
		return failure("write "+kubeadmConf, out, err)
	}
	return c.guard(ctx, n, img)
}

// handle executes commands in a node.
func (c *Cluster) handle(n plan.Node) node.Node {
	return c.engine.Node(n.Name, node.KindCluster, n.Name)
}

// alive returns the output of a command from the first control-plane node where the command succeeds: any of several
// API servers' nodes may be down.
func (c *Cluster) alive(ctx context.Context, cmd ...string) ([]byte, error) {
	var errs []error
	for _, n := range c.plan.Cluster.ControlPlanes() {
		out, err := c.handle(n).Exec(ctx, cmd...)
		if err == nil {
			return out, nil
		}
		errs = append(errs, err)
	}
	return nil, fmt.Errorf("cluster %s: %s: on no control-plane node: %w", c.plan.Cluster.Name, strings.Join(cmd, " "), errors.Join(errs...))
}
