package labtest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"
)

// Host is the parts of this machine where a lab could leave remains: a list of lines each.
type Host map[string][]string

// sources are the commands that read each part of the host. Counters and the like are removed, so two readings compare.
var sources = map[string][]string{
	"containers": {"docker", "ps", "-a", "--format", "{{.Names}}"},
	"networks":   {"docker", "network", "ls", "--format", "{{.Name}}"},
	"volumes":    {"docker", "volume", "ls", "-q"},
	"links":      {"ip", "-br", "link"},
	"addresses":  {"ip", "-br", "addr"},
	"routes":     {"ip", "route", "show", "table", "all"},
	"namespaces": {"ip", "netns"},
	"filter":     {"iptables", "-S"},
	"nat":        {"iptables", "-t", "nat", "-S"},
	"raw":        {"iptables", "-t", "raw", "-S"},
	"mangle":     {"iptables", "-t", "mangle", "-S"},
	"qdiscs":     {"tc", "qdisc"},
	"sysctls":    {"sysctl", "-a", "--pattern", `^(fs\.inotify|net\.ipv4\.(ip_forward|conf\.(all|default))|net\.bridge|net\.ipv6\.conf\.(all|default))`},
}

// ReadHost reads the parts of this machine where labs could leave remains. ReadHost needs root.
func ReadHost(ctx context.Context) Host {
	ginkgo.GinkgoHelper()
	return readHost(func(program string, args ...string) *exec.Cmd { return exec.CommandContext(ctx, program, args...) }, "self")
}

// readHost reads the parts of a machine. command makes a command on the machine; pid is a process of the machine.
func readHost(command func(string, ...string) *exec.Cmd, pid string) Host {
	ginkgo.GinkgoHelper()
	h := Host{}
	for part, cmd := range sources {
		out, err := command(cmd[0], cmd[1:]...).Output()
		gomega.Expect(err).NotTo(gomega.HaveOccurred(), strings.Join(cmd, " "))
		h[part] = slices.DeleteFunc(sorted(string(out)), func(l string) bool { return part == "volumes" && l == "skidpad-compiled" }) // kept between labs
	}
	mounts, err := os.ReadFile("/proc/" + pid + "/mounts")
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	h["mounts"] = sorted(string(mounts))
	h["processes"] = ours(pid)
	return h
}

// idle matches the traffic state of an interface, and the index of the other end of a veth, which changes with every start of a
// container; the mere existence of the interface remains.
var idle = regexp.MustCompile(`\s+(UP|DOWN|UNKNOWN)\s.*|\slinkdown|NO-CARRIER,|@if[0-9]+`)

func sorted(text string) []string {
	var lines []string
	for _, l := range strings.Split(text, "\n") {
		if l = strings.TrimSpace(idle.ReplaceAllString(l, "")); l != "" {
			lines = append(lines, l)
		}
	}
	slices.Sort(lines)
	return lines
}

// ours lists processes of a lab's bring-up in the PID namespace of a process.
func ours(pid string) []string {
	envs, _ := os.ReadDir("/proc")
	within, _ := os.Readlink("/proc/" + pid + "/ns/pid")
	var found []string
	for _, p := range envs {
		env, err := os.ReadFile("/proc/" + p.Name() + "/environ")
		if err != nil || !strings.Contains(string(env), "SKIDPAD_LAB=") || p.Name() == fmt.Sprint(os.Getpid()) || p.Name() == "self" {
			continue
		}
		if ns, _ := os.Readlink("/proc/" + p.Name() + "/ns/pid"); ns == within {
			cmd, _ := os.ReadFile("/proc/" + p.Name() + "/cmdline")
			found = append(found, strings.ReplaceAll(string(cmd), "\x00", " "))
		}
	}
	return found
}

// Left lists new parts since before, and lost parts.
func (h Host) Left(before Host) []string {
	var diff []string
	for part, lines := range h {
		for _, l := range lines {
			if !slices.Contains(before[part], l) {
				diff = append(diff, part+": left: "+l)
			}
		}
		for _, l := range before[part] {
			if !slices.Contains(lines, l) {
				diff = append(diff, part+": gone: "+l)
			}
		}
	}
	slices.Sort(diff)
	return diff
}
