package kind

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"skidpad.dev/skidpad/lab/cluster"
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/plan"
)

// awaitRuntime is a shell's wait for the container runtime, and so for systemd, needed by kubeadm to start the kubelet:
// on cgroup v1, kind waits for neither.
const awaitRuntime = `i=0; until systemctl -q is-active containerd; do i=$((i+1)); ` +
	`[ $i -lt 600 ] || { echo "containerd is not active after 60 s: $(systemctl status containerd 2>&1)" >&2; exit 1; }; sleep 0.1; done; `

// joinableWithin bounds the time from the API server's first answer until workers may join.
const joinableWithin = 2 * time.Minute

var (
	configMaps = schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}
)

// initialise runs kubeadm on the control plane.
func (c *Cluster) initialise(ctx context.Context, img image.Resolved) error {
	if err := c.guard(ctx, c.plan.Cluster.ControlPlanes()[0], img); err != nil {
		return err
	}
	first := c.Nodes()[0]
	init := "exec kubeadm init --config " + kubeadmConf + " --skip-token-print"
	if c.plan.Cluster.APIEndpoint != nil {
		init += " --upload-certs --skip-certificate-key-print" // for joining control planes
	}
	out, err := first.Exec(ctx, "sh", "-c", awaitRuntime+init)
	if err != nil {
		return failure("kubeadm init", out, err)
	}
	if len(c.plan.Cluster.Members()) > 1 {
		return nil
	}
	// kubeadm excludes control planes from LoadBalancer traffic; a single node has to take the traffic.
	out, err = first.Exec(ctx, "kubectl", "--kubeconfig=/etc/kubernetes/admin.conf", "label", "nodes", "--all", "node.kubernetes.io/exclude-from-external-load-balancers-")
	if err != nil {
		return failure("kubectl label", out, err)
	}
	return nil
}

// joinAll makes all other nodes join as soon as kubeadm init has made the inputs of a join: the workers in parallel,
// the control planes in sequence, because each control plane changes etcd's members.
func (c *Cluster) joinAll(ctx context.Context, img image.Resolved) error {
	members := c.plan.Cluster.Members()[1:]
	if len(members) == 0 {
		return nil
	}
	kube, err := c.APIReady(ctx)
	if err != nil {
		return err
	}
	discovery, err := c.joinable(ctx, kube)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	var controlPlanes []plan.Node
	for _, n := range members {
		if n.ControlPlane {
			controlPlanes = append(controlPlanes, n)
			continue
		}
		group.Go(func() error { return c.join(ctx, n, img, discovery) })
	}
	group.Go(func() error {
		for _, n := range controlPlanes {
			if err := c.join(ctx, n, img, discovery); err != nil {
				return err
			}
		}
		return nil
	})
	return group.Wait()
}

// joinable waits for the inputs of a join, and returns the join's discovery file. The last input is the ConfigMap
// kube-public/cluster-info (kubeadm's phase bootstrap-token); addons come later.
func (c *Cluster) joinable(ctx context.Context, kube *cluster.Kube) ([]byte, error) {
	err := kube.WaitFor(ctx, cluster.Wait{
		What:     "cluster " + c.plan.Cluster.Name + ": kubeadm's cluster-info for joining workers",
		Resource: configMaps, Namespace: metav1.NamespacePublic, Fields: "metadata.name=cluster-info", Within: joinableWithin,
		Done: func(objects []*unstructured.Unstructured) (bool, string) {
			return len(objects) > 0, "the ConfigMap is not there yet"
		},
	})
	if err != nil {
		return nil, err
	}
	return c.discovery(ctx, kube)
}

// join runs kubeadm on a node outside of the cluster.
func (c *Cluster) join(ctx context.Context, n plan.Node, img image.Resolved, discovery []byte) error {
	return c.timed(ctx, "kubeadm join "+n.Name, func(ctx context.Context) error {
		if n.ControlPlane {
			if err := c.prepare(ctx, n, img); err != nil {
				return err
			}
		}
		out, err := c.handle(n).ExecInput(ctx, discovery, "sh", "-c", "cat > "+discoveryFile+" && "+awaitRuntime+"exec kubeadm join --config "+kubeadmConf)
		if err != nil {
			return failure("kubeadm join", out, err)
		}
		return nil
	})
}

// discovery returns a kubeconfig file without credentials: the API server's address and its certificate authority.
func (c *Cluster) discovery(ctx context.Context, kube *cluster.Kube) ([]byte, error) {
	info, err := kube.Client.CoreV1().ConfigMaps(metav1.NamespacePublic).Get(ctx, "cluster-info", metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("cluster %s: cluster-info: %w", c.plan.Cluster.Name, err)
	}
	config, err := clientcmd.Load([]byte(info.Data["kubeconfig"]))
	if err != nil {
		return nil, fmt.Errorf("cluster %s: cluster-info: %w", c.plan.Cluster.Name, err)
	}
	return anonymous(config)
}

// anonymous completes the configuration of cluster-info, whose cluster has no name and no user.
func anonymous(info *clientcmdapi.Config) ([]byte, error) {
	for _, server := range info.Clusters {
		const key = "discovery"
		config := clientcmdapi.NewConfig()
		config.Clusters[key] = server
		config.AuthInfos[key] = clientcmdapi.NewAuthInfo()
		config.Contexts[key] = &clientcmdapi.Context{Cluster: key, AuthInfo: key}
		config.CurrentContext = key
		return clientcmd.Write(*config)
	}
	return nil, errors.New("cluster-info names no cluster")
}

// rejoin resumes an existing cluster of kind: rejoin starts stopped nodes, and returns nil when the API answers and
// knows every planned node.
func (c *Cluster) rejoin(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, cluster.ResumeWithin)
	defer cancel()
	for _, n := range c.plan.Cluster.Nodes {
		if err := c.start(ctx, n.Name); err != nil {
			return err
		}
	}
	if _, err := c.Nodes()[0].Exec(ctx, "test", "-s", AdminConf); err != nil {
		return err
	}
	kube, err := c.Find(ctx)
	if err != nil {
		return err
	}
	list, err := kube.Client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	there := map[string]bool{}
	for i := range list.Items {
		there[list.Items[i].Name] = true
	}
	for _, n := range c.plan.Cluster.Members() {
		if !there[n.Name] {
			return fmt.Errorf("node %s has not joined", n.Name)
		}
	}
	if err := c.links(ctx); err != nil {
		return err
	}
	return c.Boot(ctx)
}
