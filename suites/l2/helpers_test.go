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

const (
	// within is how long an announcement may take to follow a change: many times the lab's lease of 3 s.
	within = 30 * time.Second
	// agentBack is how long a killed agent may take until it has cleared away what it left in the kernel: it compiles its
	// programs first, which a busy machine takes minutes for.
	agentBack = 3 * time.Minute
	// patience is how long an answer may take: a busy machine's, not a packet's time.
	patience = 5 * time.Second
	often    = 200 * time.Millisecond
)

// answering are the nodes whose MAC answers the client's ARP requests for an address. It is for Eventually.
func answering(ctx context.Context, l *labtest.Lab, at netip.Addr) ([]string, error) {
	return l.Answering(ctx, "client", "fabric", at)
}

// holder is who holds the Lease of a service's announcement; nobody is "". It is for Eventually.
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

// held is who holds the lease of the lab's own workload, once somebody does: an agent that ends gives it back.
func held(ctx context.Context, l *labtest.Lab) string {
	GinkgoHelper()
	var by string
	Eventually(ctx, func() (err error) {
		if by, err = holder(ctx, l, "echo"); err == nil && by == "" {
			err = errors.New("nobody holds the lease")
		}
		return err
	}).WithTimeout(within).WithPolling(often).Should(Succeed())
	return by
}

// mac is a node's MAC on the fabric.
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

// ask makes one connection from the client: answered, or how it failed.
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

// other is the worker that is not this one.
func other(worker string) string {
	if worker == "worker" {
		return "worker2"
	}
	return "worker"
}
