package live

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"skidpad.dev/skidpad/lab/cluster/counter"
	"skidpad.dev/skidpad/lab/cluster/kind"
)

// EndpointStatus is the state of several API servers behind one address.
type EndpointStatus struct {
	Server string `json:"server"`           // ADDRESS:PORT
	Holder string `json:"holder,omitempty"` // the node with the address; empty unless exactly one node has the address
	// Members are the members of etcd, by the scenario's names of the nodes.
	Members []string `json:"members"`
}

// Write begins to write numbers to the cluster's API, with a pause after each write.
func (l *Lab) Write(ctx context.Context, every time.Duration) (*counter.Counter, error) {
	kube, err := l.Kube(ctx)
	if err != nil {
		return nil, err
	}
	return counter.Start(ctx, kube, every)
}

// APIHolder returns the scenario's name of the control-plane node with the API's address. No holder, or several holders,
// is an error.
func (l *Lab) APIHolder(ctx context.Context) (string, error) {
	if l.Plan.Cluster == nil || l.Plan.Cluster.APIEndpoint == nil {
		return "", fmt.Errorf("lab %s: its API has no address that nodes guard", l.Plan.Lab)
	}
	e := l.Plan.Cluster.APIEndpoint
	has := make([]bool, len(e.Guards))
	var group errgroup.Group
	for i, g := range e.Guards {
		group.Go(func() error {
			n, err := l.Node(g.Node)
			if err != nil {
				return err
			}
			// A node that is down, or has not joined, has no address.
			out, _ := n.Exec(ctx, "ip", "-j", "-4", "addr", "show")
			has[i] = hasAddress(out, e.Address)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return "", err
	}
	var holders []string
	for i, g := range e.Guards {
		if has[i] {
			holders = append(holders, g.Node)
		}
	}
	if len(holders) == 1 {
		return holders[0], nil
	}
	return "", fmt.Errorf("the API's address %s is held by %d nodes: %s; wanted is one; see the logs of keepalived: `skidpad exec control-plane -- sh -c 'crictl logs $(crictl ps -q --name keepalived)'`",
		e.Address, len(holders), strings.Join(holders, ", "))
}

// hasAddress reads the output of `ip -j addr show`.
func hasAddress(out []byte, a netip.Addr) bool {
	var links []struct {
		Addresses []struct {
			Local netip.Addr `json:"local"`
		} `json:"addr_info"`
	}
	if json.Unmarshal(out, &links) != nil {
		return false
	}
	for _, l := range links {
		for _, have := range l.Addresses {
			if have.Local == a {
				return true
			}
		}
	}
	return false
}

// etcdctl calls the member on the member's own node.
const etcdctl = `exec crictl exec "$(crictl ps -q --state running --name '^etcd$' | head -n 1)" etcdctl --endpoints=https://127.0.0.1:2379` +
	` --cacert=/etc/kubernetes/pki/etcd/ca.crt --cert=/etc/kubernetes/pki/etcd/healthcheck-client.crt --key=/etc/kubernetes/pki/etcd/healthcheck-client.key` +
	` --command-timeout=3s `

// Etcd runs etcdctl beside the member of a control-plane node.
func (l *Lab) Etcd(ctx context.Context, node, args string) ([]byte, error) {
	n, err := l.Node(node)
	if err != nil {
		return nil, err
	}
	return n.Exec(ctx, "sh", "-c", etcdctl+args)
}

// etcdMembers returns the members of etcd by the scenario's names, and the members that do not answer.
func (l *Lab) etcdMembers(ctx context.Context, node string) (members, ill []string, err error) {
	out, err := l.Etcd(ctx, node, "member list -w json")
	if err != nil {
		return nil, nil, err
	}
	var list struct {
		Members []struct {
			Name      string   `json:"name"`
			ClientURL []string `json:"clientURLs"`
			Learner   bool     `json:"isLearner"`
		} `json:"members"`
	}
	if err := json.Unmarshal(out, &list); err != nil {
		return nil, nil, fmt.Errorf("etcdctl member list on %s: %w; it begins %.80q", node, err, out)
	}
	byURL := map[string]string{}
	for _, m := range list.Members {
		name := l.shortName(m.Name)
		switch {
		case name == "" || m.Learner:
			ill = append(ill, name+" (it has not caught up)")
		default:
			members = append(members, name)
		}
		for _, url := range m.ClientURL {
			byURL[url] = name
		}
	}
	slices.Sort(members)
	// The command fails if one member is ill. The output names the member.
	out, _ = l.Etcd(ctx, node, "endpoint health --cluster -w json")
	var health []struct {
		Endpoint string `json:"endpoint"`
		Health   bool   `json:"health"`
		Error    string `json:"error"`
	}
	if err := json.Unmarshal(out, &health); err != nil {
		return members, nil, fmt.Errorf("etcdctl endpoint health on %s: %w; it begins %.80q", node, err, out)
	}
	for _, h := range health {
		if !h.Health {
			ill = append(ill, fmt.Sprintf("%s (%s)", byURL[h.Endpoint], h.Error))
		}
	}
	return members, ill, nil
}

// endpoint asks for the holder of the API's address and for the state of etcd.
func (x *examination) endpoint(ctx context.Context, running map[string]bool) {
	e := x.Plan.Cluster.APIEndpoint
	st := &EndpointStatus{Server: e.Server(), Members: []string{}}
	var err error
	if st.Holder, err = x.APIHolder(ctx); err != nil {
		x.problem("cluster: %v", err)
	}
	x.note(func(s *Status) { s.Endpoint = st })
	var last error
	for _, n := range x.Plan.Cluster.ControlPlanes() {
		if n.Later || !running[n.Short] {
			continue
		}
		members, ill, err := x.etcdMembers(ctx, n.Short)
		if err != nil {
			last = err
			continue
		}
		st.Members = members
		for _, name := range ill {
			x.problem("etcd: member %s is ill", name)
		}
		for _, want := range x.Plan.Cluster.ControlPlanes() {
			if !want.Later && !slices.Contains(members, want.Short) {
				x.problem("etcd: %s is no member", want.Short)
			}
		}
		return
	}
	x.problem("etcd: no member can be asked: %v", last)
}

// grower returns the cluster with the data that a joining node needs.
func (l *Lab) grower(note func(string)) (*kind.Cluster, error) {
	if l.Plan.Cluster == nil {
		return nil, fmt.Errorf("lab %s has no cluster", l.Plan.Lab)
	}
	path, err := l.Kubeconfig()
	if err != nil {
		return nil, err
	}
	return kind.New(l.engine, l.Plan, path, note), nil
}

// Join lets a node of cluster.joinLater join the running cluster by kubeadm, and returns when the node is Ready. note
// gets a line per phase.
func (l *Lab) Join(ctx context.Context, node string, note func(string)) error {
	c, err := l.grower(note)
	if err != nil {
		return err
	}
	return c.Join(ctx, node, l.images[l.Plan.Cluster.Image.Key()])
}

// Leave takes a node of cluster.joinLater out of the cluster again by kubeadm reset, which leaves the network plugin's links and
// programs on the node until the node's restart.
func (l *Lab) Leave(ctx context.Context, node string, note func(string)) error {
	c, err := l.grower(note)
	if err != nil {
		return err
	}
	return c.Leave(ctx, node)
}
