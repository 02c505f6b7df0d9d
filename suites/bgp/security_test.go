package bgp_test

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"skidpad.dev/skidpad/lab/addon/cilium"
	"skidpad.dev/skidpad/lab/labtest"
)

// secretName is the Secret with the sessions' password. Cilium expects this name.
const secretName = "skidpad-bgp"

// give stores a password for the nodes.
func give(ctx SpecContext, l *labtest.Lab, password string) {
	GinkgoHelper()
	secrets := l.Kube.Client.CoreV1().Secrets(metav1.NamespaceSystem)
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: secretName}, StringData: map[string]string{"password": password}}
	_, err := secrets.Create(ctx, s, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		_, err = secrets.Update(ctx, s, metav1.UpdateOptions{})
	}
	Expect(err).NotTo(HaveOccurred())
}

// forget deletes the nodes' keys from r2's kernel. When the group's password is taken back, FRR 8.4 leaves the key of
// each member at its listening socket (FRR's pull request 20740), so connections without a key are dropped for ever. A
// neighbour with the same address, configured and removed, takes the key away. At this time the group still has a
// password, so no node is a member.
func forget(ctx SpecContext, l *labtest.Lab) {
	GinkgoHelper()
	up(ctx, l, "r2")
	router, err := l.Node("r2")
	Expect(err).NotTo(HaveOccurred())
	for _, a := range l.Nodes(ctx) {
		n := "neighbor " + a.String()
		out, err := router.Exec(ctx, "vtysh", "-c", "configure terminal", "-c", "router bgp 64513",
			"-c", n+" remote-as 64512", "-c", n+" password x", "-c", "no "+n+" password", "-c", "no "+n)
		Expect(err).NotTo(HaveOccurred(), string(out))
	}
}

var _ = Describe("A session's MD5 password (RFC 2385)", Label("bgp", "cilium", "frr", "md5", "security"), func() {
	var l *labtest.Lab
	BeforeEach(func(ctx SpecContext) {
		l = labtest.Open(ctx, "cilium-bgp-vrrp")
		n, err := l.Node("r2")
		Expect(err).NotTo(HaveOccurred())
		out, _ := n.Exec(ctx, "sh", "-c", "zcat /proc/config.gz 2>/dev/null | grep TCP_MD5SIG")
		if string(out) != "" && string(out) != "CONFIG_TCP_MD5SIG=y\n" {
			Skip("this kernel has no TCP MD5 signatures (CONFIG_TCP_MD5SIG)")
		}
		labtest.Undo(func(ctx SpecContext) {
			err := l.Kube.Client.CoreV1().Secrets(metav1.NamespaceSystem).Delete(ctx, secretName, metav1.DeleteOptions{})
			Expect(err).NotTo(HaveOccurred())
		})
	})
	router := func(ctx SpecContext, password string) {
		GinkgoHelper()
		l.Configure(ctx, "r2", []string{"router bgp 64513", "neighbor nodes password " + password}, []string{"router bgp 64513", "no neighbor nodes password"})
		labtest.Undo(func(ctx SpecContext) { forget(ctx, l) })
	}
	// nodes gives r2's sessions a configuration of their own, with the password.
	nodes := func(ctx SpecContext, password string) {
		GinkgoHelper()
		give(ctx, l, password)
		l.Object(ctx, cilium.BGPPeerConfig, "CiliumBGPPeerConfig", "secured", nil, map[string]any{
			"authSecretRef": secretName, "timers": map[string]any{"connectRetryTimeSeconds": int64(1), "holdTimeSeconds": int64(9), "keepAliveTimeSeconds": int64(3)},
			"families": []any{map[string]any{"afi": "ipv4", "safi": "unicast", "advertisements": map[string]any{"matchLabels": map[string]any{"skidpad.dev/advertise": "bgp"}}}},
		})
		secured := fmt.Sprintf(`{"name": "r2", "peerAddress": %q, "peerASN": 64513, "peerConfigRef": {"name": "secured"}}`, l.Plan.Routers[1].Networks[0].Address)
		l.Patch(ctx, cilium.BGPCluster, labtest.Planned, peers(peer("r1", l.Plan.Routers[0].Networks[0].Address.String(), 64513), secured))
	}

	It("lets a session come up if both ends have the same password", func(ctx SpecContext) {
		router(ctx, "together")
		nodes(ctx, "together")
		up(ctx, l, "r2", l.AllNodes()...)
	})

	It("keeps a session down if the ends' passwords differ, and the session comes up without passwords (negative control)", Label("negative-control"), func(ctx SpecContext) {
		router(ctx, "together")
		nodes(ctx, "apart")
		down(ctx, l)
		up(ctx, l, "r1", l.AllNodes()...)
	})

	It("keeps a session down if only the router has a password (negative control)", Label("negative-control"), func(ctx SpecContext) {
		give(ctx, l, "unused")
		router(ctx, "together")
		down(ctx, l)
		up(ctx, l, "r1", l.AllNodes()...)
	})

	It("ends a session when only the nodes change the password, until the nodes change the password back (negative control)", Label("negative-control", "slow"), func(ctx SpecContext) {
		router(ctx, "first")
		nodes(ctx, "first")
		up(ctx, l, "r2", l.AllNodes()...)
		give(ctx, l, "second")
		down(ctx, l)
		up(ctx, l, "r1", l.AllNodes()...)
		give(ctx, l, "first")
		up(ctx, l, "r2", l.AllNodes()...)
	})

	It("ends a session when only the router changes the password, until the nodes change the password, too", Label("slow"), func(ctx SpecContext) {
		router(ctx, "first")
		nodes(ctx, "first")
		up(ctx, l, "r2", l.AllNodes()...)
		// The router first, while the nodes are members of its group: FRR 8.4 leaves the old key of members that are
		// gone (see forget).
		l.Configure(ctx, "r2", []string{"router bgp 64513", "neighbor nodes password second"}, nil)
		down(ctx, l)
		give(ctx, l, "second")
		up(ctx, l, "r2", l.AllNodes()...)
	})
})

var _ = Describe("TTL security (RFC 5082)", Label("bgp", "cilium", "frr", "ttl", "security"), func() {
	var l *labtest.Lab
	BeforeEach(func(ctx SpecContext) {
		l = labtest.Open(ctx, "cilium-bgp-vrrp")
		l.Configure(ctx, "r2", []string{"router bgp 64513", "neighbor nodes ttl-security hops 1"}, []string{"router bgp 64513", "no neighbor nodes ttl-security hops 1"})
	})
	reset := func(ctx SpecContext) {
		GinkgoHelper()
		n, err := l.Node("r2")
		Expect(err).NotTo(HaveOccurred())
		_, err = n.Exec(ctx, "vtysh", "-c", "clear bgp 64512")
		Expect(err).NotTo(HaveOccurred())
	}

	It("lets sessions come up if the nodes send packets with a TTL of 255", func(ctx SpecContext) {
		l.Patch(ctx, cilium.BGPPeerConfig, labtest.Planned, `{"spec": {"ebgpMultihop": 255}}`)
		reset(ctx)
		up(ctx, l, "r2", l.AllNodes()...)
	})

	It("keeps sessions down if the nodes send packets with a TTL of 1 (negative control)", Label("negative-control"), func(ctx SpecContext) {
		reset(ctx)
		down(ctx, l)
		up(ctx, l, "r1", l.AllNodes()...)
	})
})
