package l2_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"skidpad.dev/skidpad/lab/labtest"
	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/probe"
)

// The longest waits; a slow machine gets more.
var (
	// within bounds the time from a change to its announcement: many times the lab's lease of 3 s.
	within = labtest.Patience(30 * time.Second)
	// agentBack bounds the time from an agent's death to the end of its cleaning in the kernel. The agent compiles its
	// programs first, which takes minutes on a busy machine.
	agentBack = labtest.Patience(3 * time.Minute)
	// patience bounds an answer: the time of a busy machine, not of a packet.
	patience = labtest.Patience(5 * time.Second)
)

const often = 200 * time.Millisecond

// answering returns the nodes that answer the client's ARP requests for an address. For Eventually.
func answering(ctx context.Context, l *labtest.Lab, at netip.Addr) ([]string, error) {
	return l.Answering(ctx, "client", "fabric", at)
}

// holder returns the holder of the Lease of a service's announcement, or "" without a holder. For Eventually.
func holder(ctx context.Context, l *labtest.Lab, service string) (string, error) {
	lease, err := l.Kube.Client.CoordinationV1().Leases(metav1.NamespaceSystem).Get(ctx, "cilium-l2announce-default-"+service, metav1.GetOptions{})
	if err != nil {
		return "", err
	}
	if lease.Spec.HolderIdentity == nil {
		return "", nil
	}
	return strings.TrimPrefix(*lease.Spec.HolderIdentity, l.Plan.Cluster.Name+"-"), nil
}

// held waits for a holder of the Lease of the lab's own workload, and returns the holder: an agent that ends releases
// its Lease.
func held(ctx context.Context, l *labtest.Lab) string {
	GinkgoHelper()
	var by string
	Eventually(ctx, func() (err error) {
		if by, err = holder(ctx, l, "echo"); err == nil && by == "" {
			err = errors.New("no node holds the lease")
		}
		return err
	}).WithTimeout(within).WithPolling(often).Should(Succeed())
	return by
}

// mac returns a node's MAC on the fabric.
func mac(ctx context.Context, l *labtest.Lab, of string) string {
	GinkgoHelper()
	macs, err := l.NodeMACs(ctx)
	Expect(err).NotTo(HaveOccurred())
	for mac, node := range macs {
		if node == of {
			return mac
		}
	}
	Fail("no node " + of + " has a MAC on the fabric")
	return ""
}

// ask makes one connection from the client, and returns "answered" or the kind of failure.
func ask(ctx context.Context, l *labtest.Lab, at netip.Addr, port uint16) string {
	GinkgoHelper()
	from, err := l.Node("client")
	Expect(err).NotTo(HaveOccurred())
	shots, err := probe.Once(ctx, from, probe.Shots{Proto: record.HTTP, Targets: []netip.AddrPort{netip.AddrPortFrom(at, port)}, Timeout: patience})
	Expect(err).NotTo(HaveOccurred())
	Expect(shots).To(HaveLen(1))
	if shots[0].Error != "" {
		return shots[0].Error
	}
	return "answered"
}

// announcedBy expects that, within 30 s, exactly these nodes answer ARP for an address.
func announcedBy(ctx context.Context, l *labtest.Lab, at netip.Addr, nodes ...string) {
	GinkgoHelper()
	Eventually(ctx, answering).WithArguments(l, at).WithTimeout(within).WithPolling(often).Should(ConsistOf(nodes), "nodes that answer ARP for %s", at)
}

// address waits for a service's LoadBalancer address.
func address(ctx context.Context, l *labtest.Lab, service string) netip.Addr {
	GinkgoHelper()
	Eventually(ctx, l.Ingress).WithArguments(service).WithTimeout(within).WithPolling(often).Should(HaveField("IsValid()", true))
	a, err := l.Ingress(ctx, service)
	Expect(err).NotTo(HaveOccurred())
	return a
}

// other returns the other worker.
func other(worker string) string {
	if worker == "worker" {
		return "worker2"
	}
	return "worker"
}
