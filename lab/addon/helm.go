package addon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/release"
	"helm.sh/helm/v3/pkg/storage/driver"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"skidpad.dev/skidpad/lab/cluster"
)

// place is the name and the namespace of a release.
type place struct{ release, namespace string }

// installRelease installs or upgrades a release and does not wait for the pods. installRelease does not touch a release that
// is as wanted, and replaces a release left by an interrupted installation.
func installRelease(ctx context.Context, k *cluster.Kube, at place, ch *chart.Chart, values map[string]any, log func(string)) error {
	cfg := &action.Configuration{}
	if err := cfg.Init(&getter{config: k.Config, namespace: at.namespace}, at.namespace, "secrets", func(string, ...any) {}); err != nil {
		return fmt.Errorf("helm: %w", err)
	}
	last, err := cfg.Releases.Last(at.release)
	if err != nil && !errors.Is(err, driver.ErrReleaseNotFound) {
		return fmt.Errorf("helm: release %s: %w", at.release, err)
	}
	start := time.Now()
	switch {
	case last == nil:
		err = install(ctx, cfg, at, ch, values)
	case asWanted(last, ch, values):
		log("release is installed already")
		return nil
	case last.Info != nil && last.Info.Status.IsPending():
		// Helm refuses any work on a release with an unfinished operation.
		if _, err = cfg.Releases.Delete(at.release, last.Version); err == nil {
			err = install(ctx, cfg, at, ch, values)
		}
	default:
		up := action.NewUpgrade(cfg)
		up.Namespace, up.DisableOpenAPIValidation, up.MaxHistory = at.namespace, true, 3
		_, err = up.RunWithContext(ctx, at.release, ch, values)
	}
	if err != nil {
		return fmt.Errorf("helm: release %s of chart %s: %w", at.release, ch.Metadata.Version, err)
	}
	log(fmt.Sprintf("release installed: %s", time.Since(start).Round(10*time.Millisecond)))
	return nil
}

func install(ctx context.Context, cfg *action.Configuration, at place, ch *chart.Chart, values map[string]any) error {
	in := action.NewInstall(cfg)
	in.ReleaseName, in.Namespace, in.CreateNamespace = at.release, at.namespace, at.namespace != metav1.NamespaceSystem
	// The API server validates the objects anyway. The server's OpenAPI document is large, and takes long just after a start.
	in.DisableOpenAPIValidation = true
	in.TakeOwnership = true
	_, err := in.RunWithContext(ctx, ch, values)
	return err
}

// asWanted reports whether a release was deployed from this chart version with these values.
func asWanted(r *release.Release, ch *chart.Chart, values map[string]any) bool {
	if r.Info == nil || r.Info.Status != release.StatusDeployed || r.Chart == nil || r.Chart.Metadata.Version != ch.Metadata.Version {
		return false
	}
	// The values in the release's record have passed through JSON. Therefore compare JSON texts; maps in JSON are sorted. A
	// chart on the disk can change without its version.
	was, err1 := json.Marshal([]any{r.Config, r.Chart.Templates})
	want, err2 := json.Marshal([]any{values, ch.Templates})
	return err1 == nil && err2 == nil && string(was) == string(want)
}

// getter gives Helm our clients' configuration.
type getter struct {
	config    *rest.Config
	namespace string
	cached    discovery.CachedDiscoveryInterface
}

func (g *getter) ToRESTConfig() (*rest.Config, error) { return rest.CopyConfig(g.config), nil }

func (g *getter) ToDiscoveryClient() (discovery.CachedDiscoveryInterface, error) {
	if g.cached != nil {
		return g.cached, nil
	}
	client, err := discovery.NewDiscoveryClientForConfig(g.config)
	if err != nil {
		return nil, err
	}
	g.cached = memory.NewMemCacheClient(client)
	return g.cached, nil
}

func (g *getter) ToRESTMapper() (meta.RESTMapper, error) {
	client, err := g.ToDiscoveryClient()
	if err != nil {
		return nil, err
	}
	return restmapper.NewDeferredDiscoveryRESTMapper(client), nil
}

func (g *getter) ToRawKubeConfigLoader() clientcmd.ClientConfig {
	return clientcmd.NewDefaultClientConfig(clientcmdapi.Config{}, &clientcmd.ConfigOverrides{
		Context: clientcmdapi.Context{Namespace: g.namespace},
	})
}
