package l2_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
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
	// patience is how long an answer may take: a busy machine's, not a packet's time.
	patience = 5 * time.Second
	often    = 200 * time.Millisecond
)

var reply = regexp.MustCompile(`\[([0-9a-f:]{17})\]|from ([0-9a-f:]{17})`)

// answering are the nodes whose MAC answers ARP for an address, asked twice by the client, each once. It is for Eventually.
func answering(ctx context.Context, l *labtest.Lab, at netip.Addr) ([]string, error) {
	client, err := l.Node("client")
	if err != nil {
		return nil, err
	}
	macs, err := nodeMACs(ctx, l)
	if err != nil {
		return nil, err
	}
	// arping ends with 1 where nobody answered.
	out, err := client.Exec(ctx, "sh", "-c", fmt.Sprintf("arping -c 2 -w 2 -i fabric %[1]s 2>/dev/null || arping -c 2 -w 2 -I fabric %[1]s 2>/dev/null || true", at))
	if err != nil {
		return nil, err
	}
	var nodes []string
	for _, m := range reply.FindAllStringSubmatch(strings.ToLower(string(out)), -1) {
		mac := m[1] + m[2]
		name, ok := macs[mac]
		if !ok {
			name = mac
		}
		if !slices.Contains(nodes, name) {
			nodes = append(nodes, name)
		}
	}
	return nodes, nil
}

// nodeMACs are the names of the cluster's nodes by their MACs on the fabric.
func nodeMACs(ctx context.Context, l *labtest.Lab) (map[string]string, error) {
	macs := map[string]string{}
	for _, name := range l.AllNodes() {
		n, err := l.Node(name)
		if err != nil {
			return nil, err
		}
		out, err := n.Exec(ctx, "cat", "/sys/class/net/eth0/address")
		if err != nil {
			return nil, err
		}
		macs[strings.TrimSpace(string(out))] = name
	}
	return macs, nil
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
