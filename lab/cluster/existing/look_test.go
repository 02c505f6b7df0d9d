package existing

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	k8stesting "k8s.io/client-go/testing"

	"skidpad.dev/skidpad/lab/cluster"
	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/scenario"
)

func TestTheMissingVerbsOfAUserAreNamed(t *testing.T) {
	client := fake.NewClientset()
	client.PrependReactor("create", "selfsubjectaccessreviews", func(a k8stesting.Action) (bool, runtime.Object, error) {
		review := a.(k8stesting.CreateAction).GetObject().(*authorizationv1.SelfSubjectAccessReview)
		of := review.Spec.ResourceAttributes
		review.Status.Allowed = of.Resource != "services" || of.Verb == "get"
		return true, review, nil
	})
	err := Rights(t.Context(), &cluster.Kube{Client: client}, "cluster of c.conf")
	want := "cluster of c.conf: seen a user who may not list, watch of services; create, patch, delete of services in namespace default, want these verbs"
	if err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("seen %v, want %s", err, want)
	}
}

func TestTheFirstControlPlaneOfAKindClusterIsFound(t *testing.T) {
	node := func(cluster, name, role string, state container.ContainerState) container.Summary {
		return container.Summary{Names: []string{"/" + name}, State: state, Labels: map[string]string{docker.LabelKindCluster: cluster, labelRole: role}}
	}
	up := container.StateRunning
	all := []container.Summary{
		node("b", "b-control-plane", "control-plane", up), node("mine", "mine-worker", "worker", up), node("mine", "mine-control-plane2", "control-plane", up),
		node("mine", "mine-control-plane", "control-plane", up), node("skidpad-x", "skidpad-x-control-plane", "control-plane", up),
	}
	if got, err := controlPlane(&scenario.Cluster{Kind: "mine"}, all, true); err != nil || got != "mine-control-plane" {
		t.Errorf("seen %s, %v", got, err)
	}
	_, err := controlPlane(&scenario.Cluster{Kind: "gone"}, all, true)
	if err == nil || !strings.Contains(err.Error(), "kind cluster gone: seen no control-plane node") || !strings.Contains(err.Error(), "the engine has: b, mine (") {
		t.Errorf("seen %v, want the clusters of the engine", err)
	}
	down := append(slices.Clone(all), node("mine", "mine-worker2", "worker", container.StateExited))
	if got, err := controlPlane(&scenario.Cluster{Kind: "mine"}, down, false); err != nil || got != "mine-control-plane" {
		t.Errorf("a fault has stopped a worker: seen %s, %v", got, err)
	}
	_, err = controlPlane(&scenario.Cluster{Kind: "mine"}, down, true)
	if err == nil || !strings.Contains(err.Error(), "seen node mine-worker2 exited") {
		t.Errorf("seen %v, want the stopped node", err)
	}
	if _, err := kubeconfig(t.Context(), nil, &scenario.Cluster{Kind: "skidpad-x"}, true); err == nil || !strings.Contains(err.Error(), "skidpad's own") {
		t.Errorf("seen %v, want a refusal of a lab's cluster", err)
	}
	if _, err := kubeconfig(t.Context(), nil, &scenario.Cluster{Kubeconfig: "/nowhere/c.conf"}, true); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("seen %v, want the missing file", err)
	}
}

func TestFactsComeFromKubeadmOrFromTheNodes(t *testing.T) {
	worker := func(name, cidr string) corev1.Node {
		return corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.NodeSpec{PodCIDRs: []string{cidr}}}
	}
	first := corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "a", Labels: map[string]string{labelControlPlane: ""}}, Spec: corev1.NodeSpec{PodCIDRs: []string{"10.1.0.0/24"}}}
	nodes := ordered([]corev1.Node{worker("w10", "10.1.3.0/24"), worker("w2", "10.1.2.0/24"), first})
	var names []string
	for _, n := range nodes {
		names = append(names, n.Name)
	}
	if !slices.Equal(names, []string{"a", "w2", "w10"}) {
		t.Errorf("order %v", names)
	}
	kubeadm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "kubeadm-config"},
		Data: map[string]string{"ClusterConfiguration": "networking: {podSubnet: \"10.9.0.0/16,fd00:9::/56\", serviceSubnet: \"10.96.0.0/16,fd00:96::/112\"}\n"}}
	for _, c := range []struct {
		objects        []runtime.Object
		pods, services string
		family         scenario.IPFamily
	}{
		{[]runtime.Object{kubeadm}, "10.9.0.0/16 fd00:9::/56", "10.96.0.0/16 fd00:96::/112", scenario.DualFamily},
		{nil, "10.1.0.0/22 invalid Prefix", "invalid Prefix invalid Prefix", scenario.IPv4Family},
	} {
		f, err := facts(t.Context(), &cluster.Kube{Client: fake.NewClientset(c.objects...)}, nodes)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(f.PodCIDR, f.PodCIDR6); got != c.pods {
			t.Errorf("pods %s, want %s", got, c.pods)
		}
		if got := fmt.Sprint(f.ServiceCIDR, f.ServiceCIDR6); got != c.services || f.IPFamily != c.family {
			t.Errorf("services %s of %s, want %s of %s", got, f.IPFamily, c.services, c.family)
		}
		if f.ControlPlanes != 1 || f.Workers != 2 || f.KubeProxy != scenario.KubeProxyNone {
			t.Errorf("facts %+v", f)
		}
	}
}

func TestRoutesOfANodeAreRead(t *testing.T) {
	table := "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n" +
		"eth0\t00000000\t010012AC\t0003\t0\t0\t0\t00000000\t0\t0\t0\n" +
		"eth0\t0002F40A\t020012AC\t0003\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
	want := []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("10.244.2.0/24")}
	if got := routesIn([]byte(table)); !slices.Equal(got, want) {
		t.Errorf("seen %v, want %v", got, want)
	}
}

// engineWith returns a fake engine with containers and networks, by their names. The machine ID of every container is "m1".
func engineWith(t *testing.T, containers, networks map[string]map[string]any) *docker.Engine {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
		if strings.HasPrefix(parts[0], "v1.") {
			parts = parts[1:]
		}
		w.Header().Set("Api-Version", "1.41")
		var reply map[string]any
		switch parts[0] + "/" + parts[len(parts)-1] {
		case "_ping/_ping":
			return
		case "containers/json":
			reply = containers[parts[1]]
		case "containers/exec":
			reply = map[string]any{"Id": "e"}
		case "exec/start":
			_, _ = io.Copy(io.Discard, r.Body)
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				return
			}
			defer func() { _ = conn.Close() }()
			frame := binary.BigEndian.AppendUint32([]byte{1, 0, 0, 0}, 3)
			fmt.Fprintf(conn, "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n%sm1\n", frame)
			return
		case "exec/json":
			reply = map[string]any{"ID": "e", "ExitCode": 0}
		default:
			reply = networks[parts[1]]
		}
		if reply == nil {
			w.WriteHeader(http.StatusNotFound)
			reply = map[string]any{"message": "no such thing"}
		}
		_ = json.NewEncoder(w).Encode(reply)
	}))
	t.Cleanup(server.Close)
	t.Setenv("DOCKER_HOST", "tcp://"+server.Listener.Addr().String())
	e, err := docker.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

func TestNodesWithoutABridgeOfTheEngineAreRefusedWithTheReason(t *testing.T) {
	on := func(network, address string) map[string]any {
		return map[string]any{"Id": "c", "NetworkSettings": map[string]any{"Networks": map[string]any{network: map[string]any{"IPAddress": address}}}}
	}
	bridge := func(driver, prefix string) map[string]any {
		return map[string]any{"Id": "0123456789abcdef", "Driver": driver, "IPAM": map[string]any{"Config": []any{map[string]any{"Subnet": prefix}}}}
	}
	for _, c := range []struct {
		name, machine  string
		second, bridge map[string]any
		why            string
	}{
		{"on a bridge", "m1", on("kind", "172.18.0.3"), bridge("bridge", "172.18.0.0/16"), ""},
		{"no container", "m1", nil, bridge("bridge", "172.18.0.0/16"), "node b, which is no container of this engine"},
		{"another address", "m1", on("kind", "172.18.0.9"), bridge("bridge", "172.18.0.0/16"), "a container b without the node's address 172.18.0.3: another cluster of the same name"},
		{"another machine", "m2", on("kind", "172.18.0.3"), bridge("bridge", "172.18.0.0/16"), "a container a with another machine ID than the node: another cluster of the same name"},
		{"two networks", "m1", on("other", "172.18.0.3"), bridge("bridge", "172.18.0.0/16"), "nodes on several networks (kind and other)"},
		{"the host's network", "m1", on("kind", "172.18.0.3"), bridge("macvlan", "172.18.0.0/16"), "nodes on network kind of driver macvlan"},
		{"IPv6 alone", "m1", on("kind", "172.18.0.3"), bridge("bridge", "fd00::/64"), "network kind without an IPv4 prefix"},
	} {
		t.Run(c.name, func(t *testing.T) {
			containers := map[string]map[string]any{"a": on("kind", "172.18.0.2")}
			if c.second != nil {
				containers["b"] = c.second
			}
			var nodes []corev1.Node
			for name, address := range map[string]string{"a": "172.18.0.2", "b": "172.18.0.3"} {
				nodes = append(nodes, corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}, Status: corev1.NodeStatus{
					Addresses: []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: address}}, NodeInfo: corev1.NodeSystemInfo{MachineID: c.machine},
				}})
			}
			e := engineWith(t, containers, map[string]map[string]any{"kind": c.bridge})
			got, why, err := network(t.Context(), e, ordered(nodes))
			if err != nil || why != c.why || (got == nil) != (c.why != "") {
				t.Errorf("seen %+v, %q, %v, want %q", got, why, err, c.why)
			}
		})
	}
}
