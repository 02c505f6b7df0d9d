package addon_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes/fake"
	"sigs.k8s.io/yaml"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/addon"
	"skidpad.dev/skidpad/lab/cluster"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

// running returns clients of a cluster with a DaemonSet of an image, and with custom resources.
func running(t *testing.T, image string, env []corev1.EnvVar, config map[string]string, resources string) *cluster.Kube {
	t.Helper()
	typed := []runtime.Object{
		&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "mine-control-plane"}},
		&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "mine-worker", Labels: map[string]string{"rack": "a"}}},
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "net", Name: "cilium-config"}, Data: config},
		&appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Namespace: "net", Name: "agent"}, Spec: appsv1.DaemonSetSpec{Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
			Containers: []corev1.Container{{Name: "agent", Image: image, Env: env}},
			Volumes:    []corev1.Volume{{Name: "cni", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/etc/cni/net.d"}}}},
		}}}},
	}
	kinds := map[schema.GroupVersionResource]string{}
	for resource, kind := range map[string]string{
		"cilium.io/v2 ciliumloadbalancerippools": "CiliumLoadBalancerIPPoolList", "cilium.io/v2 ciliumbgpclusterconfigs": "CiliumBGPClusterConfigList",
		"cilium.io/v2 ciliumbgppeerconfigs": "CiliumBGPPeerConfigList", "cilium.io/v2 ciliumbgpadvertisements": "CiliumBGPAdvertisementList",
		"cilium.io/v2alpha1 ciliuml2announcementpolicies": "CiliumL2AnnouncementPolicyList", "metallb.io/v1beta1 ipaddresspools": "IPAddressPoolList",
		"metallb.io/v1beta1 l2advertisements": "L2AdvertisementList", "metallb.io/v1beta2 bgppeers": "BGPPeerList",
	} {
		api, name, _ := strings.Cut(resource, " ")
		gv, _ := schema.ParseGroupVersion(api)
		kinds[gv.WithResource(name)] = kind
	}
	var objects []runtime.Object
	for _, doc := range strings.Split(resources, "---\n") {
		if strings.TrimSpace(doc) == "" {
			continue
		}
		u := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(doc), &u.Object); err != nil {
			t.Fatal(err)
		}
		raw, err := json.Marshal(u.Object) // numbers as the API gives numbers
		if err == nil {
			err = u.UnmarshalJSON(raw)
		}
		if err != nil {
			t.Fatal(err)
		}
		objects = append(objects, u)
	}
	return &cluster.Kube{Client: fake.NewClientset(typed...), Dynamic: dynamicfake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), kinds, objects...)}
}

func TestWhatARunningClusterAnnouncesIsLearned(t *testing.T) {
	for _, c := range []struct {
		name, image      string
		proxy            scenario.KubeProxy
		strict           bool
		env              []corev1.EnvVar
		config           map[string]string
		resources        string
		fields, programs string
		taken, notes     string
	}{
		{
			name: "Cilium with BGP", image: "quay.io/cilium/cilium:v1.19.5@sha256:00",
			config: map[string]string{"enable-bgp-control-plane": "true", "ipam": "cluster-pool", "cluster-pool-ipv4-cidr": "10.0.0.0/8"},
			resources: `
{apiVersion: cilium.io/v2, kind: CiliumLoadBalancerIPPool, metadata: {name: pool}, spec: {blocks: [{cidr: 198.51.100.0/24}, {start: 192.0.2.10, stop: 192.0.2.11}]}}
---
{apiVersion: cilium.io/v2, kind: CiliumBGPPeerConfig, metadata: {name: conf}, spec: {timers: {holdTimeSeconds: 9, keepAliveTimeSeconds: 3}, gracefulRestart: {enabled: true}, families: [{afi: ipv4, safi: unicast, advertisements: {matchLabels: {a: b}}}]}}
---
{apiVersion: cilium.io/v2, kind: CiliumBGPAdvertisement, metadata: {name: all, labels: {a: b}}, spec: {advertisements: [{advertisementType: PodCIDR}, {advertisementType: Service, service: {addresses: [LoadBalancerIP]}}]}}
---
{apiVersion: cilium.io/v2, kind: CiliumBGPAdvertisement, metadata: {name: other}, spec: {advertisements: [{advertisementType: Service, service: {addresses: [ClusterIP]}}]}}
---
{apiVersion: cilium.io/v2, kind: CiliumBGPClusterConfig, metadata: {name: bgp}, spec: {bgpInstances: [{name: i, localASN: 64512, peers: [{name: r1, peerASN: 64513, peerAddress: 172.18.255.11, peerConfigRef: {name: conf}}, {name: x, peerASN: 65000, peerAddress: 172.18.0.9}]}]}}
`,
			fields: `{"cilium":{"version":"1.19.5","bgp":{"asn":64512,"peers":[{"router":"r1","asn":64513,"families":["ipv4"],` +
				`"timers":{"holdTime":"9s","keepalive":"3s","connectRetry":"2m0s"},"gracefulRestart":{"enabled":true,"restartTime":"2m0s"}}],` +
				`"advertise":["podCIDR","loadBalancerIP"],"holdTime":"1m30s"},"loadBalancerPools":[{"name":"pool","cidr":"198.51.100.0/24"},{"name":"pool","range":"192.0.2.10-192.0.2.11"}]}}`,
			programs: "cilium 1.19.5", taken: "10.0.0.0/8 198.51.100.0/24 192.0.2.10/31", notes: "the nodes dial 172.18.0.9 (AS 65000), which is no router of the lab",
		},
		{
			name: "Cilium with BGP on some nodes and L2", image: "example/cilium:1.18.0", config: map[string]string{"enable-bgp-control-plane": "true", "enable-l2-announcements": "true", "l2-announcements-lease-duration": "3s"},
			resources: `
{apiVersion: cilium.io/v2, kind: CiliumBGPClusterConfig, metadata: {name: bgp}, spec: {nodeSelector: {matchLabels: {rack: a}}, bgpInstances: [{name: i, localASN: 64512, peers: []}]}}
---
{apiVersion: cilium.io/v2alpha1, kind: CiliumL2AnnouncementPolicy, metadata: {name: l2}, spec: {loadBalancerIPs: true, interfaces: [^eth0$]}}
`,
			fields: `{"cilium":{"version":"1.18.0","bgp":{"holdTime":"1m30s","instances":[{"name":"i","nodes":["worker"],"asn":64512,"peers":null}]},` +
				`"l2":{"leaseDuration":"3s","leaseRenewDeadline":"5s","leaseRetryPeriod":"2s","interfaces":["^eth0$"]}}}`,
			programs: "cilium 1.18.0",
		},
		{
			name: "MetalLB beside another CNI", image: "quay.io/metallb/speaker:v0.15.2", env: []corev1.EnvVar{{Name: "METALLB_ML_BIND_ADDR"}},
			resources: `
{apiVersion: metallb.io/v1beta1, kind: IPAddressPool, metadata: {name: p, namespace: m}, spec: {addresses: [172.18.200.0/24]}}
---
{apiVersion: metallb.io/v1beta1, kind: L2Advertisement, metadata: {name: l, namespace: m}}
---
{apiVersion: metallb.io/v1beta2, kind: BGPPeer, metadata: {name: b, namespace: m}, spec: {myASN: 64512, peerASN: 64513, peerAddress: 172.18.255.11, holdTime: 12s, nodeSelectors: [{matchLabels: {rack: a}}]}}
`,
			fields: `{"metallb":{"version":"0.15.2","pools":[{"name":"p","cidr":"172.18.200.0/24"}],"l2":{"memberlist":true},` +
				`"bgp":{"asn":64512,"peers":[{"router":"r1","asn":64513,"nodes":["worker"]}],"backend":"native","holdTime":"12s"}}}`,
			programs: "CNI agent 0.15.2,metallb 0.15.2", taken: "172.18.200.0/24",
		},
		{
			name: "MetalLB with frr-k8s", image: "quay.io/metallb/speaker:v0.15.2", env: []corev1.EnvVar{{Name: "METALLB_BGP_TYPE", Value: "frr-k8s"}},
			resources: `{apiVersion: metallb.io/v1beta2, kind: BGPPeer, metadata: {name: b, namespace: m}, spec: {myASN: 64512, peerASN: 64513, peerAddress: 172.18.255.11, holdTime: 9s}}`,
			fields:    `{"metallb":{"version":"0.15.2","bgp":{"asn":64512,"peers":[{"router":"r1","asn":64513}],"backend":"frr-k8s","holdTime":"9s"}}}`,
			programs:  "CNI agent 0.15.2,metallb 0.15.2",
		},
		{
			name: "kube-proxy beside its replacement", proxy: scenario.KubeProxyIPTables, image: "quay.io/cilium/cilium:v1.19.5", config: map[string]string{"kube-proxy-replacement": "true"},
			fields: `{"cilium":{"version":"1.19.5"}}`, programs: "cilium 1.19.5",
			notes: "kube-proxy (iptables) runs beside its replacement: both program the addresses of Services; want one of them",
		},
		{
			name: "kube-proxy that answers ARP", proxy: scenario.KubeProxyIPVS, image: "quay.io/metallb/speaker:v0.15.2",
			resources: `{apiVersion: metallb.io/v1beta1, kind: L2Advertisement, metadata: {name: l, namespace: m}}`,
			fields:    `{"metallb":{"version":"0.15.2","l2":{"memberlist":false}}}`, programs: "CNI agent 0.15.2,metallb 0.15.2",
			notes: "kube-proxy (ipvs) answers ARP for each LoadBalancer address on every node, beside the announcing node; want ipvs.strictARP: true",
		},
		{
			name: "kube-proxy with strict ARP", proxy: scenario.KubeProxyIPVS, strict: true, image: "quay.io/metallb/speaker:v0.15.2",
			resources: `{apiVersion: metallb.io/v1beta1, kind: L2Advertisement, metadata: {name: l, namespace: m}}`,
			fields:    `{"metallb":{"version":"0.15.2","l2":{"memberlist":false}}}`, programs: "CNI agent 0.15.2,metallb 0.15.2",
		},
		{name: "kindnet alone", image: "docker.io/kindest/kindnetd:v20260528-0bc5a8d9", programs: "CNI agent 20260528-0bc5a8d9"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := &plan.Found{Nodes: []plan.FoundNode{{Name: "mine-control-plane", ControlPlane: true}, {Name: "mine-worker"}}}
			f.Facts.KubeProxy = c.proxy
			kube := running(t, c.image, c.env, c.config, c.resources)
			_, err := kube.Client.CoreV1().ConfigMaps("kube-system").Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "kube-proxy"},
				Data: map[string]string{"config.conf": fmt.Sprintf("mode: ipvs\nipvs: {strictARP: %t}\n", c.strict)}}, metav1.CreateOptions{})
			if err != nil {
				t.Fatal(err)
			}
			err = addon.Learn(t.Context(), kube, lab.Kinds(), f, func(a string) string { return map[string]string{"172.18.255.11": "r1"}[a] })
			if err != nil {
				t.Fatal(err)
			}
			var fields, taken []string
			for _, a := range f.Facts.Addons {
				raw, err := json.Marshal(a)
				if err != nil {
					t.Fatal(err)
				}
				fields = append(fields, string(raw))
			}
			for _, p := range f.Taken {
				taken = append(taken, p.String())
			}
			for what, pair := range map[string][2]string{
				"fields": {strings.Join(fields, ","), c.fields}, "programs": {strings.Join(f.Programs, ","), c.programs},
				"taken": {strings.Join(taken, " "), c.taken}, "notes": {strings.Join(f.Notes, ","), c.notes},
			} {
				if pair[0] != pair[1] {
					t.Errorf("%s: seen\n%s, want\n%s", what, pair[0], pair[1])
				}
			}
		})
	}
}
