package host

import (
	"bufio"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// option is a kernel option that labs use.
type option struct {
	name     string // without CONFIG_
	module   string // the module's name; "" if never a module
	required bool   // every lab needs it
	use      string // the scenarios and faults that need the option
}

// options lists the kernel options for scenarios and faults, required options first.
func options() []option {
	return []option{
		{"VETH", "veth", true, "every container's interfaces"},
		{"BRIDGE", "bridge", true, "every network"},
		{"OVERLAY_FS", "overlay", true, "the engine and cluster nodes"},
		{"NF_CONNTRACK", "nf_conntrack", true, "the engine"},
		{"NF_NAT", "nf_nat", true, "the engine"},
		{"NF_TABLES", "nf_tables", true, "iptables-nft, kubeProxy: nftables, faults: drop, partition"},
		{"IP_MULTIPLE_TABLES", "", true, "policy routing, Cilium"},
		{"IP_ROUTE_MULTIPATH", "", true, "ECMP in routers"},
		{"BPF_SYSCALL", "", true, "Cilium"},
		{"BPF_JIT", "", true, "Cilium"},
		{"CGROUP_BPF", "", true, "Cilium's socket load balancing"},
		{"NET_CLS_ACT", "", true, "Cilium"},
		{"NET_CLS_BPF", "cls_bpf", true, "Cilium"},
		{"NET_SCH_INGRESS", "sch_ingress", true, "Cilium"},
		{"BRIDGE_NETFILTER", "br_netfilter", false, "kube-proxy of any mode, kube-router"},
		{"MACVLAN", "macvlan", false, "VRRP with virtual MAC addresses, FRR's vrrpd"},
		{"VXLAN", "vxlan", false, "Cilium in tunnel mode, flannel, EVPN"},
		{"GENEVE", "geneve", false, "Cilium in tunnel mode with Geneve, DSR with Geneve"},
		{"NET_IPIP", "ipip", false, "Calico and kube-router overlays, Cilium's IPIP termination"},
		{"DUMMY", "dummy", false, "kube-router's service proxy, kubeProxy: ipvs, node-local DNS"},
		{"IP_VS", "ip_vs", false, "kubeProxy: ipvs, kube-router's service proxy"},
		{"IP_SET", "ip_set", false, "kubeProxy: ipvs, kube-router's policies"},
		{"VLAN_8021Q", "8021q", false, "networks with VLAN tags"},
		{"BONDING", "bonding", false, "networks with bonds"},
		{"NET_VRF", "vrf", false, "routers with VRFs"},
		{"WIREGUARD", "wireguard", false, "Cilium and Calico with WireGuard"},
		{"MODULES", "", false, "Cilium before 1.18"},
		{"NETKIT", "", false, "Cilium with bpf.datapathMode=netkit"},
		{"NET_SCH_NETEM", "sch_netem", false, "networks and faults: delay, jitter, corrupt, reorder"},
		{"NET_SCH_TBF", "sch_tbf", false, "networks and faults: rate"},
		{"NETFILTER_EGRESS", "", false, "networks and faults: loss, drop"},
		{"NFT_NUMGEN", "nft_numgen", false, "networks and faults: loss"},
		{"NETFILTER_NETLINK_QUEUE", "nfnetlink_queue", false, "networks: delay, jitter, corrupt, reorder without NET_SCH_NETEM"},
		{"NETFILTER_XT_TARGET_NFQUEUE", "xt_NFQUEUE", false, "networks: delay, jitter, corrupt, reorder without NET_SCH_NETEM"},
		{"NFT_COMPAT", "nft_compat", false, "networks: delay, jitter, corrupt, reorder without NET_SCH_NETEM"},
		{"NET_SCH_HTB", "sch_htb", false, "faults: rate for one class of packets"},
		{"NET_SCH_FQ", "sch_fq", false, "Cilium's bandwidth manager"},
	}
}

// presence is the kernel's state of an option.
type presence int

const (
	unknown presence = iota
	absent
	present
)

// kernel holds the facts about the running kernel that can be read without changes.
type kernel struct {
	release string
	config  map[string]string // option without CONFIG_ to y, m or n; nil if no configuration is readable
	modules map[string]bool   // built-in, loadable or loaded modules, with _ for -; nil if unknown
	source  string            // the place of the configuration
}

// readKernel reads the running kernel's configuration from the places used by kernels and distributions, and
// the lists of modules. The places are below root, normally / and another folder only in tests.
func readKernel(root string) kernel {
	k := kernel{release: release()}
	for _, path := range []string{"proc/config.gz", "boot/config-" + k.release, "lib/modules/" + k.release + "/config"} {
		if config, err := readConfig(filepath.Join(root, path)); err == nil {
			k.config, k.source = config, "/"+path
			break
		}
	}
	dir := filepath.Join(root, "lib/modules", k.release)
	for _, list := range []string{"modules.builtin", "modules.dep"} {
		f, err := os.Open(filepath.Join(dir, list))
		if err != nil {
			continue
		}
		if k.modules == nil {
			k.modules = map[string]bool{}
		}
		addModules(k.modules, f)
		_ = f.Close()
		if k.source == "" {
			k.source = "/lib/modules/" + k.release
		}
	}
	loaded, err := os.ReadDir(filepath.Join(root, "sys/module"))
	if err == nil && k.modules != nil {
		for _, m := range loaded {
			k.modules[m.Name()] = true
		}
	}
	return k
}

func readConfig(path string) (map[string]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	if !strings.HasSuffix(path, ".gz") {
		return parseConfig(f)
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	return parseConfig(z)
}

// parseConfig reads a kernel's .config: `CONFIG_A=y`, `CONFIG_B=m`, `# CONFIG_C is not set`.
func parseConfig(r io.Reader) (map[string]string, error) {
	config := map[string]string{}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		line := lines.Text()
		if name, found := strings.CutSuffix(line, " is not set"); found {
			config[strings.TrimPrefix(name, "# CONFIG_")] = "n"
			continue
		}
		if name, value, found := strings.Cut(strings.TrimPrefix(line, "CONFIG_"), "="); found && strings.HasPrefix(line, "CONFIG_") {
			config[name] = value
		}
	}
	return config, lines.Err()
}

// addModules reads modules.builtin or modules.dep: each line starts with a path that ends in NAME.ko, perhaps
// compressed.
func addModules(modules map[string]bool, r io.Reader) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		path, _, _ := strings.Cut(lines.Text(), ":")
		name, _, found := strings.Cut(filepath.Base(path), ".ko")
		if found {
			modules[strings.ReplaceAll(name, "-", "_")] = true
		}
	}
}

// has reports whether the kernel has an option: built in, loaded or loadable. An option built as a module is
// absent if the distribution does not install the module.
func (k kernel) has(o option) presence {
	if k.config == nil {
		switch {
		case k.modules == nil || o.module == "":
			return unknown
		case k.modules[o.module]:
			return present
		}
		return absent
	}
	switch k.config[o.name] {
	case "y":
		return present
	case "m":
		if k.modules == nil || k.modules[o.module] {
			return present
		}
	}
	return absent
}
