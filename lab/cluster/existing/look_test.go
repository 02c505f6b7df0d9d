package existing

import (
	"fmt"
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
	if got, err := controlPlane(&scenario.Cluster{Kind: "mine"}, all); err != nil || got != "mine-control-plane" {
		t.Errorf("seen %s, %v", got, err)
	}
	_, err := controlPlane(&scenario.Cluster{Kind: "gone"}, all)
	if err == nil || !strings.Contains(err.Error(), "kind cluster gone: seen no control-plane node") || !strings.Contains(err.Error(), "the engine has: b, mine (") {
		t.Errorf("seen %v, want the clusters of the engine", err)
	}
	_, err = controlPlane(&scenario.Cluster{Kind: "mine"}, append(all, node("mine", "mine-worker2", "worker", container.StateExited)))
	if err == nil || !strings.Contains(err.Error(), "seen node mine-worker2 exited") {
		t.Errorf("seen %v, want the stopped node", err)
	}
	if _, err := kubeconfig(t.Context(), nil, &scenario.Cluster{Kind: "skidpad-x"}); err == nil || !strings.Contains(err.Error(), "skidpad's own") {
		t.Errorf("seen %v, want a refusal of a lab's cluster", err)
	}
	if _, err := kubeconfig(t.Context(), nil, &scenario.Cluster{Kubeconfig: "/nowhere/c.conf"}); err == nil || !strings.Contains(err.Error(), "no such file") {
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
