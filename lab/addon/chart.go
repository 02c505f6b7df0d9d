package addon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/cli"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

const (
	ciliumModule = "github.com/cilium/cilium"
	ciliumRepo   = "https://helm.cilium.io"
	chartFolder  = "install/kubernetes/cilium"
	crdFolder    = "pkg/k8s/apis/cilium.io/client/crds"
	crdVersion   = "pkg/k8s/apis/cilium.io/register.go"
	// crdLabel is what the operator knows definitions of its own version by; others it writes anew.
	crdLabel = "io.cilium.k8s.crd.schema.version"
)

var crdVersionLine = regexp.MustCompile(`CustomResourceDefinitionSchemaVersion = "([^"]+)"`)

// chartSource is where a chart was found.
type chartSource struct {
	path string // a folder or an archive
	tree string // the root of Cilium's source tree, if the chart lies in one
	from string // for people
}

// findChart looks for Cilium's chart at the path given, in Go's module cache, and in Cilium's Helm repository.
func findChart(ctx context.Context, given, version string) (chartSource, error) {
	if given != "" {
		return givenChart(given)
	}
	dir, inModule := moduleDir(ctx, ciliumModule, "v"+version)
	if inModule == nil {
		return chartSource{path: filepath.Join(dir, chartFolder), tree: dir, from: "module " + ciliumModule + "@v" + version}, nil
	}
	options := action.ChartPathOptions{RepoURL: ciliumRepo, Version: version}
	path, inRepo := options.LocateChart("cilium", cli.New())
	if inRepo == nil {
		return chartSource{path: path, from: "Helm repository " + ciliumRepo}, nil
	}
	return chartSource{}, fmt.Errorf("cilium %s: its chart cannot be had: Go module: %w; Helm repository: %w; name a folder or an archive that holds it in the addon's `chart`",
		version, inModule, inRepo)
}

// givenChart takes a chart's folder, its archive, or the root of a checkout of Cilium.
func givenChart(path string) (chartSource, error) {
	info, err := os.Stat(path)
	if err != nil {
		return chartSource{}, fmt.Errorf("cilium's chart: %w; correct the addon's `chart`", err)
	}
	s := chartSource{path: path, from: path}
	if !info.IsDir() {
		return s, nil
	}
	if _, err := os.Stat(filepath.Join(path, chartFolder, "Chart.yaml")); err == nil {
		s.path, s.tree = filepath.Join(path, chartFolder), path
		return s, nil
	}
	if tree, ok := strings.CutSuffix(filepath.Clean(path), "/"+chartFolder); ok {
		s.tree = tree
	}
	return s, nil
}

// moduleDir is where Go keeps a version of a module. It is downloaded if need be.
func moduleDir(ctx context.Context, module, version string) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMODCACHE").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOMODCACHE: %w", err)
	}
	dir := filepath.Join(strings.TrimSpace(string(out)), module+"@"+version)
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	cmd := exec.CommandContext(ctx, "go", "mod", "download", "-json", module+"@"+version)
	cmd.Dir = os.TempDir() // outside any module, whose requirements would be read
	out, err = cmd.Output()
	var found struct{ Dir, Error string }
	if jsonErr := json.Unmarshal(out, &found); jsonErr != nil {
		return "", errors.Join(err, fmt.Errorf("go mod download: %w", jsonErr))
	}
	if found.Error != "" || found.Dir == "" {
		return "", fmt.Errorf("go mod download: %s", found.Error)
	}
	return found.Dir, nil
}

// load reads the chart, and from its tree the definitions of custom resources.
func (s chartSource) load() (*chart.Chart, []*apiextensionsv1.CustomResourceDefinition, error) {
	loaded, err := loader.Load(s.path)
	if err != nil {
		return nil, nil, fmt.Errorf("cilium's chart in %s: %w", s.path, err)
	}
	if s.tree == "" {
		return loaded, nil, nil
	}
	files, err := filepath.Glob(filepath.Join(s.tree, crdFolder, "v2*", "*.yaml"))
	if err != nil {
		return nil, nil, err
	}
	label := ""
	if source, err := os.ReadFile(filepath.Join(s.tree, crdVersion)); err == nil {
		if m := crdVersionLine.FindSubmatch(source); m != nil {
			label = string(m[1])
		}
	}
	var crds []*apiextensionsv1.CustomResourceDefinition
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			return nil, nil, err
		}
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.Unmarshal(bytes.TrimPrefix(raw, []byte("---\n")), crd); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", file, err)
		}
		if label != "" {
			crd.Labels = map[string]string{crdLabel: label}
		}
		crds = append(crds, crd)
	}
	return loaded, crds, nil
}
