package live_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/live"
	"skidpad.dev/skidpad/lab/plan"
)

// engine is a fake of the engine's API: containers that all run, and answers to commands in them. The fake stands at the
// API, because routers, gateways and clusters use the same engine as live.
type engine struct {
	containers map[string]string // states, by the containers' names
	// answer returns the output and the exit code of a command.
	answer func(container string, cmd []string) (out string, code int)

	mu    sync.Mutex
	execs []execution
}

type execution struct {
	container string
	cmd       []string
	code      int
}

func (e *engine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	if strings.HasPrefix(path, "/v1.") {
		path = path[strings.IndexByte(path[1:], '/')+1:]
	}
	w.Header().Set("Api-Version", "1.41")
	reply := func(v any) { _ = json.NewEncoder(w).Encode(v) }
	parts := strings.Split(strings.Trim(path, "/"), "/")
	switch {
	case path == "/_ping":
	case path == "/containers/json":
		list := []map[string]any{}
		if strings.Contains(r.URL.Query().Get("filters"), docker.LabelLab) {
			for name, state := range e.containers {
				list = append(list, map[string]any{"Id": name, "Names": []string{"/" + name}, "State": state})
			}
		}
		reply(list)
	case len(parts) == 3 && parts[0] == "containers" && parts[2] == "json":
		reply(map[string]any{"Id": parts[1], "State": map[string]any{"Running": e.containers[parts[1]] == "running", "Status": e.containers[parts[1]], "StartedAt": "2026-01-01T00:00:00Z"}})
	case len(parts) == 3 && parts[0] == "containers" && parts[2] == "exec":
		var body struct{ Cmd []string }
		_ = json.NewDecoder(r.Body).Decode(&body)
		e.mu.Lock()
		defer e.mu.Unlock()
		e.execs = append(e.execs, execution{container: parts[1], cmd: body.Cmd})
		reply(map[string]any{"Id": fmt.Sprint(len(e.execs) - 1)})
	case len(parts) == 3 && parts[0] == "exec" && parts[2] == "start":
		e.start(w, r, parts[1])
	case len(parts) == 3 && parts[0] == "exec" && parts[2] == "json":
		e.mu.Lock()
		defer e.mu.Unlock()
		reply(map[string]any{"ID": parts[1], "Running": false, "ExitCode": e.exec(parts[1]).code})
	default:
		w.WriteHeader(http.StatusInternalServerError)
		reply(map[string]string{"message": "unexpected " + r.Method + " " + path})
	}
}

func (e *engine) exec(id string) *execution {
	var n int
	_, _ = fmt.Sscan(id, &n)
	return &e.execs[n]
}

// start writes a command's output as one frame on a hijacked connection.
func (e *engine) start(w http.ResponseWriter, r *http.Request, id string) {
	e.mu.Lock()
	run := e.exec(id)
	out, code := e.answer(run.container, run.cmd)
	run.code = code
	e.mu.Unlock()
	_, _ = io.Copy(io.Discard, r.Body)
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	frame := binary.BigEndian.AppendUint32([]byte{1, 0, 0, 0}, uint32(len(out)))
	fmt.Fprintf(conn, "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n%s%s", frame, out)
}

// api is a fake of the Kubernetes API: objects by their path.
type api struct {
	mu      sync.Mutex
	objects map[string]any
	deleted []string
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	switch object, known := a.objects[r.URL.Path]; {
	case r.URL.Path == "/readyz":
	case r.Method == http.MethodDelete:
		a.deleted = append(a.deleted, r.URL.Path)
		_, _ = w.Write([]byte(`{"kind":"Status","apiVersion":"v1","status":"Success"}`))
	case r.Method == http.MethodPost:
		_, _ = w.Write([]byte(`{"kind":"NetworkPolicy","apiVersion":"networking.k8s.io/v1"}`))
	case known:
		_ = json.NewEncoder(w).Encode(object)
	default:
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte(`{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404,"message":"no ` + r.URL.Path + `"}`))
	}
}

// world is a lab of a scenario in the fakes: all containers run, all sessions are established, all nodes and pods are ready.
type world struct {
	*live.Lab
	engine *engine
	api    *api
	// sessions are the established sessions of each router; by default as many as planned.
	sessions map[string]int
}

func object(t *testing.T, v any) any {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func newWorld(t *testing.T, file string) *world {
	t.Helper()
	p := planOf(t, file)
	w := &world{engine: &engine{containers: map[string]string{}}, api: &api{objects: map[string]any{}}, sessions: map[string]int{}}
	w.engine.answer = w.answer
	for _, place := range p.Places() {
		w.engine.containers[place.Container] = "running"
	}
	for _, r := range p.Routers {
		if r.BGP != nil {
			w.sessions[r.Container] = len(r.BGP.Neighbors)
			for _, rng := range r.BGP.Ranges {
				w.sessions[r.Container] += rng.Sessions
			}
		}
	}
	w.serveKubernetes(t, p)
	socket := filepath.Join(t.TempDir(), "engine.sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	daemon, kube := httptest.NewUnstartedServer(w.engine), httptest.NewServer(w.api)
	_ = daemon.Listener.Close()
	daemon.Listener = listener
	daemon.Start()
	t.Cleanup(daemon.Close)
	t.Cleanup(kube.Close)
	t.Setenv("DOCKER_HOST", "unix://"+socket)
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	e, err := docker.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	w.Lab = live.New(e, p, nil, nil)
	path, err := w.Kubeconfig()
	if err != nil {
		t.Fatal(err)
	}
	config := "apiVersion: v1\nkind: Config\ncurrent-context: t\ncontexts: [{name: t, context: {cluster: t, user: t}}]\nusers: [{name: t, user: {token: t}}]\nclusters: [{name: t, cluster: {server: \"" + kube.URL + "\"}}]\n"
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return w
}

// serveKubernetes fills the API with the plan's nodes, and with a pod of the first workload on each worker.
func (w *world) serveKubernetes(t *testing.T, p *plan.Plan) {
	t.Helper()
	var nodes corev1.NodeList
	var pods corev1.PodList
	load := p.Workloads[0]
	for i, n := range p.Cluster.Nodes {
		var node corev1.Node
		node.Name = n.Name
		node.Spec.PodCIDRs = []string{fmt.Sprintf("10.244.%d.0/24", i)}
		node.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}
		node.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: fmt.Sprintf("172.30.0.%d", 3+i)}}
		nodes.Items = append(nodes.Items, node)
		if n.ControlPlane {
			continue
		}
		var pod corev1.Pod
		pod.Name, pod.Namespace, pod.Spec.NodeName = fmt.Sprintf("echo-%d", i), load.Namespace, n.Name
		pod.Status.PodIP = fmt.Sprintf("10.244.%d.5", i)
		pod.Status.PodIPs = []corev1.PodIP{{IP: pod.Status.PodIP}}
		pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
		pods.Items = append(pods.Items, pod)
	}
	var service corev1.Service
	service.Spec.ClusterIPs = []string{"10.96.0.9"}
	service.Spec.Ports = []corev1.ServicePort{{Name: "http", Protocol: corev1.ProtocolTCP, Port: 80, NodePort: 30080}, {Name: "udp", Protocol: corev1.ProtocolUDP, Port: 80, NodePort: 30081}}
	service.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: "198.51.100.1"}}
	var relay corev1.Service
	relay.Spec.ClusterIP, relay.Spec.Ports = "10.96.0.77", []corev1.ServicePort{{Port: 80}}
	for path, v := range map[string]any{
		"/api/v1/namespaces/kube-system": &corev1.Namespace{},
		"/api/v1/nodes":                  &nodes,
		"/api/v1/pods":                   &pods,
		"/api/v1/namespaces/" + load.Namespace + "/pods":                                                                           &pods,
		"/api/v1/namespaces/kube-system/services/hubble-relay":                                                                     &relay,
		"/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/cilium-l2announce-" + load.Namespace + "-" + load.Service.Name: map[string]any{"spec": map[string]any{"holderIdentity": p.Cluster.Nodes[1].Name}},
	} {
		w.api.objects[path] = object(t, v)
	}
	for _, l := range p.Workloads {
		w.api.objects["/api/v1/namespaces/"+l.Namespace+"/services/"+l.Service.Name] = object(t, &service)
	}
}

// answer returns the output of a command in a healthy lab.
func (w *world) answer(container string, cmd []string) (string, int) {
	line := strings.Join(cmd, " ")
	switch {
	case strings.Contains(line, "show bgp neighbors json"):
		peers := map[string]any{}
		for i := range w.sessions[container] {
			peers[fmt.Sprintf("172.30.0.%d", 100+i)] = map[string]any{"remoteAs": 64512, "bgpState": "Established",
				"neighborCapabilities": map[string]string{"gracefulRestart": "advertisedAndReceived"}}
		}
		raw, _ := json.Marshal(peers)
		return string(raw), 0
	case strings.Contains(line, "ip -j addr show"): // a gateway's member
		if !strings.HasPrefix(container, w.container("r1")) {
			return "BACKUP 1700000000\n[]", 0
		}
		var has []map[string]string
		for _, g := range w.Plan.Gateways {
			for _, a := range g.Addresses {
				for _, vip := range a.Addresses() {
					has = append(has, map[string]string{"local": vip.String()})
				}
			}
		}
		raw, _ := json.Marshal([]map[string]any{{"addr_info": has}})
		return "MASTER 1700000000\n" + string(raw), 0
	case strings.Contains(line, "route show"):
		return `[{"dst":"198.51.100.1","protocol":"bgp","nexthops":[{"gateway":"172.30.0.5"},{"gateway":"172.30.0.4"}]}]` + "\n[]", 0
	case strings.HasPrefix(line, "ip -j neigh"):
		return `[{"lladdr":"02:00:00:00:00:01"}]`, 0
	case strings.HasPrefix(line, "cat /sys/class/net/eth0/address"):
		return fmt.Sprintf("02:00:00:00:00:%02d\n", w.nodeNumber(container)), 0
	}
	return "", 0
}

func (w *world) container(node string) string {
	c, _ := w.Container(node)
	return c
}

func (w *world) nodeNumber(container string) int {
	for i, n := range w.Plan.Cluster.Nodes {
		if n.Name == container {
			return i
		}
	}
	return -1
}
