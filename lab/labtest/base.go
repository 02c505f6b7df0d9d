package labtest

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"skidpad.dev/skidpad/lab/addon"
	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/plain"
	"skidpad.dev/skidpad/lab/router"
	"skidpad.dev/skidpad/lab/wait"
)

// baseWithin bounds a lab's return to its base state after a spec: nodes open BGP sessions again only after their retry
// time, and a dead node starts its agents again.
var baseWithin = Patience(5 * time.Minute)

// base is the part of a lab that specs may change and must restore: a text for each part.
type base map[string]string

// readBase reads the lab's configuration: routers, resources in the cluster, links of the nodes.
func readBase(ctx context.Context, l *Lab) (base, error) {
	ctx, cancel := context.WithTimeout(ctx, Patience(20*time.Second))
	defer cancel()
	r := &reading{b: base{}}
	for _, name := range l.Names() {
		if n, err := l.Node(name); err == nil && n.Kind() == node.KindDatastore {
			continue // routes nothing, and has no shell
		}
		part, script := "links up and blackhole routes", linksAndBlackholes
		if show := l.showConfig(name); show != "" {
			part, script = part+", running configuration", script+" && "+show
		}
		r.exec(ctx, l, name, part, script)
	}
	if l.Kube != nil {
		r.kube(ctx, l)
	}
	r.group.Wait()
	return r.b, r.err
}

// reading collects a base from several goroutines.
type reading struct {
	group sync.WaitGroup
	mu    sync.Mutex
	b     base
	err   error
}

func (r *reading) add(part string, read func() (string, error)) {
	r.group.Go(func() {
		text, err := read()
		r.mu.Lock()
		defer r.mu.Unlock()
		if err != nil {
			r.err = fmt.Errorf("%s: %w", part, err)
		}
		r.b[part] = text
	})
}

// What is asked of a node is one script, since starting a command in a container costs far more than what these do.
const linksAndBlackholes = "ip -br link show up type veth | grep -v lxc | cut -d@ -f1 && ip route show type blackhole"

// showConfig is the command that prints a router's running configuration, for software with one of its own.
func (l *Lab) showConfig(name string) string {
	for _, r := range l.Plan.Routers {
		if of, err := router.Of(l.Plan, r); err == nil && r.Name == name {
			return of.Commands().Config
		}
	}
	return ""
}

func (r *reading) exec(ctx context.Context, l *Lab, name, part, script string) {
	r.add(name+": "+part, func() (string, error) {
		n, err := l.Node(name)
		if err != nil {
			return "", err
		}
		out, err := n.Exec(ctx, "sh", "-c", script)
		return plain.Hide(string(out)), err
	})
}

// kube reads objects without the fields written by controllers.
func (r *reading) kube(ctx context.Context, l *Lab) {
	k := l.Kube
	var custom []schema.GroupVersionResource
	for _, a := range l.Plan.Scenario.Spec.Addons {
		if of, ok := a.Fields.(addon.Resources); ok {
			custom = append(custom, of.Resources()...)
		}
	}
	for _, gvr := range custom {
		r.add(gvr.Resource, func() (string, error) {
			list, err := k.Dynamic.Resource(gvr).List(ctx, metav1.ListOptions{})
			if apierrors.IsNotFound(err) {
				return "", nil // this version of the addon, or its configuration, does not have the kind
			}
			if err != nil {
				return "", err
			}
			var lines []string
			for _, o := range list.Items {
				lines = append(lines, line(o.GetName(), o.Object["spec"]))
			}
			return strings.Join(lines, "\n"), nil
		})
	}
	r.add("services", func() (string, error) {
		list, err := k.Client.CoreV1().Services(corev1.NamespaceDefault).List(ctx, metav1.ListOptions{})
		var lines []string
		for _, s := range list.Items {
			lines = append(lines, line(s.Name, []any{s.Spec.Ports, s.Spec.Selector, s.Spec.Type, s.Spec.ExternalIPs, s.Spec.ExternalTrafficPolicy, s.Labels, s.Status.LoadBalancer}))
		}
		return strings.Join(lines, "\n"), err
	})
	r.add("deployments", func() (string, error) {
		list, err := k.Client.AppsV1().Deployments(corev1.NamespaceDefault).List(ctx, metav1.ListOptions{})
		var lines []string
		for _, d := range list.Items {
			lines = append(lines, line(d.Name, []any{d.Spec.Replicas, d.Status.ReadyReplicas, d.Status.Replicas}))
		}
		return strings.Join(lines, "\n"), err
	})
	r.add("nodes", func() (string, error) {
		list, err := k.Client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
		var lines []string
		for _, n := range list.Items {
			lines = append(lines, line(n.Name, []any{n.Labels, n.Spec.Taints, n.Spec.Unschedulable}))
		}
		return strings.Join(lines, "\n"), err
	})
}

func line(name string, content any) string {
	text, err := json.Marshal(content)
	if err != nil {
		return name + ": " + err.Error()
	}
	return name + " " + string(text)
}

// differs lists the differences between two bases, a few lines for each part.
func (b base) differs(now base) []string {
	var diff []string
	for _, part := range slices.Sorted(maps.Keys(b)) {
		was, is := strings.Split(b[part], "\n"), strings.Split(now[part], "\n")
		for _, l := range is {
			if !slices.Contains(was, l) {
				diff = append(diff, part+": new: "+l)
			}
		}
		for _, l := range was {
			if !slices.Contains(is, l) {
				diff = append(diff, part+": gone: "+l)
			}
		}
	}
	return diff
}

// returned waits until the lab is in its first base state, and reports the remaining differences.
func (s *shared) returned(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, baseWithin)
	defer cancel()
	err := wait.Until(ctx, wait.For{What: "base state of lab " + s.Plan.Lab}, func(context.Context) error {
		problems, err := s.problems(ctx)
		if err != nil || len(problems) > 0 {
			return orProblems(err, problems)
		}
		now, err := readBase(ctx, s.Lab)
		return orProblems(err, s.base.differs(now))
	})
	s.clean = err == nil
	return err
}

func orProblems(err error, problems []string) error {
	if err != nil || len(problems) == 0 {
		return err
	}
	return fmt.Errorf("%s", strings.Join(problems, "; "))
}

// problems lists the lab's problems: those of its status, and a gateway held by another than its preferred member.
func (l *Lab) problems(ctx context.Context) ([]string, error) {
	st, err := l.Status(ctx)
	if err != nil {
		return nil, err
	}
	problems := st.Problems
	for _, g := range st.Gateways {
		for _, planned := range l.Plan.Gateways {
			if planned.Name == g.Name && g.Holder != planned.Members[0].Router {
				problems = append(problems, fmt.Sprintf("gateway %s is held by %s, not by %s", g.Name, g.Holder, planned.Members[0].Router))
			}
		}
	}
	return problems, nil
}
