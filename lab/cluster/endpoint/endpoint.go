// Package endpoint renders the static pods that give several API servers a common address: keepalived and a balancer on
// each control-plane node. The package is arithmetic and text only.
package endpoint

import (
	_ "embed"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"time"

	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

// Manifests is the kubelet's folder of static pods.
const Manifests = "/etc/kubernetes/manifests"

// Keepalived is the name of keepalived's static pod and of its manifest.
const Keepalived = "keepalived"

const (
	device        = "eth0" // of a kind node on its network
	apiServerPort = 6443
)

var (
	//go:embed haproxy.cfg.tmpl
	haproxyTemplate string
	//go:embed nginx.conf.tmpl
	nginxTemplate string
	//go:embed keepalived.conf.tmpl
	keepalivedTemplate string
	//go:embed check_apiserver.sh.tmpl
	checkTemplate string
	//go:embed pod.yaml.tmpl
	podTemplate string
)

// File is a file of a node.
type File struct {
	Path string
	Mode string // as chmod(1) takes the mode
	Text string
}

// Server is an API server known to the balancers.
type Server struct {
	Name    string // of the server's node, as in the scenario
	Address netip.AddrPort
}

// data is the data for the templates.
type data struct {
	Plan      plan.APIEndpoint
	Guard     plan.EndpointGuard
	Servers   []Server
	Interface string
	Weight    int
	// CheckTimeout ends a check before the next check begins.
	CheckTimeout time.Duration
	// Window is the time in which nginx counts failures, and for which nginx then leaves a server out.
	Window time.Duration
}

// pod is the data for a static pod's template.
type pod struct {
	Name, Image, Dir   string
	Args, Capabilities string // YAML flow lists
}

// Servers returns the API servers of control-plane nodes with these addresses, in the order of the plan's guards. A
// node without an address is an error.
func Servers(e plan.APIEndpoint, addresses map[string]netip.Addr) ([]Server, error) {
	var all []Server
	for _, g := range e.Guards {
		a, ok := addresses[g.Node]
		if !ok || !a.IsValid() {
			return nil, fmt.Errorf("node %s: no address on the cluster's network; check with `skidpad status` that the node runs", g.Node)
		}
		all = append(all, Server{g.Node, netip.AddrPortFrom(a, apiServerPort)})
	}
	return all, nil
}

// Render returns the files of one control-plane node: two manifests of static pods with the given image, and the pods'
// configuration files. Manifests come last.
func Render(e plan.APIEndpoint, node, image string, servers []Server) ([]File, error) {
	at := slices.IndexFunc(e.Guards, func(g plan.EndpointGuard) bool { return g.Node == node })
	if at < 0 {
		return nil, fmt.Errorf("lab bug: the plan's endpoint has no guard on node %s", node)
	}
	d := data{
		Plan: e, Guard: e.Guards[at], Servers: servers, Interface: device, Weight: weight(e.Guards),
		CheckTimeout: CheckTimeout(e), Window: max(time.Second, time.Duration(e.Fall)*e.CheckInterval),
	}
	balancer := pod{Name: string(e.Balancer), Image: image, Dir: "/etc/" + string(e.Balancer)}
	config, text := "haproxy.cfg", haproxyTemplate
	balancer.Args = "[haproxy, -db, -f, /etc/haproxy/haproxy.cfg]"
	if e.Balancer == scenario.Nginx {
		config, text = "nginx.conf", nginxTemplate
		balancer.Args = "[nginx, -c, /etc/nginx/nginx.conf]"
	}
	guard := pod{
		Name: Keepalived, Image: image, Dir: "/etc/keepalived", Capabilities: "[NET_ADMIN, NET_BROADCAST, NET_RAW, SYS_NICE]",
		Args: "[keepalived, --dont-fork, --log-console, --log-detail, --vrrp, --use-file, /etc/keepalived/keepalived.conf]",
	}
	var files []File
	for _, f := range []struct {
		path, mode, text string
		data             any
	}{
		{balancer.Dir + "/" + config, "0644", text, d},
		{guard.Dir + "/keepalived.conf", "0644", keepalivedTemplate, d},
		{guard.Dir + "/check_apiserver.sh", "0755", checkTemplate, d},
		{Manifests + "/" + balancer.Name + ".yaml", "0600", podTemplate, balancer},
		{Manifests + "/" + guard.Name + ".yaml", "0600", podTemplate, guard},
	} {
		out, err := render(f.path, f.text, f.data)
		if err != nil {
			return nil, err
		}
		files = append(files, File{f.path, f.mode, out})
	}
	return files, nil
}

func render(name, text string, d any) (string, error) {
	t, err := template.New(name).Funcs(template.FuncMap{"seconds": seconds, "ms": ms}).Parse(text)
	if err != nil {
		return "", fmt.Errorf("lab bug: template of %s: %w", name, err)
	}
	var b strings.Builder
	if err := t.Execute(&b, d); err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return b.String(), nil
}

// CheckTimeout is the longest time of a check: four fifths of the interval, so two checks never overlap.
func CheckTimeout(e plan.APIEndpoint) time.Duration { return e.CheckInterval * 4 / 5 }

// weight is the priority taken from a node with a failed check: enough to put the highest priority below the lowest.
func weight(guards []plan.EndpointGuard) int {
	lowest, highest := 255, 0
	for _, g := range guards {
		lowest, highest = min(lowest, g.Priority), max(highest, g.Priority)
	}
	return highest - lowest + 1
}

func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) }

func ms(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) + "ms" }
