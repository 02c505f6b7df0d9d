package addon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/cli"

	"skidpad.dev/skidpad/lab/plan"
)

// chartSource is the place of a chart.
type chartSource struct {
	path string // a folder or an archive
	tree string // the root of the module's source tree, if the tree contains the chart
	from string // a description for messages
}

// findChart looks for a chart at the given path, in Go's module cache, and in the Helm repository.
func findChart(ctx context.Context, c *plan.Chart) (chartSource, error) {
	if c.Path != "" {
		return givenChart(c)
	}
	var failed []error
	if c.Module != "" {
		dir, err := moduleDir(ctx, c.Module, "v"+c.Version)
		if err == nil {
			return chartSource{path: filepath.Join(dir, c.Folder), tree: dir, from: "module " + c.Module + "@v" + c.Version}, nil
		}
		failed = append(failed, fmt.Errorf("the Go module %s: %w", c.Module, err))
	}
	if c.Repository != "" {
		options := action.ChartPathOptions{RepoURL: c.Repository, Version: c.Version}
		path, err := options.LocateChart(c.Name, cli.New())
		if err == nil {
			return chartSource{path: path, from: "Helm repository " + c.Repository}, nil
		}
		failed = append(failed, fmt.Errorf("the Helm repository %s: %w", c.Repository, err))
	}
	remedy := "name a folder or an archive with the chart in the addon's `chart`"
	if c.At != "" {
		remedy = "give the chart's path on the disk"
	}
	return chartSource{}, fmt.Errorf("chart %s %s cannot be had; %s: %w", c.Name, c.Version, remedy, errors.Join(failed...))
}

// givenChart takes the folder of a chart, an archive, or the root of a checkout of the chart's module.
func givenChart(c *plan.Chart) (chartSource, error) {
	info, err := os.Stat(c.Path)
	if err != nil {
		return chartSource{}, fmt.Errorf("chart: %w; correct the addon's `chart`", err)
	}
	s := chartSource{path: c.Path, from: c.Path}
	if !info.IsDir() || c.Folder == "" {
		return s, nil
	}
	if _, err := os.Stat(filepath.Join(c.Path, c.Folder, "Chart.yaml")); err == nil {
		s.path, s.tree = filepath.Join(c.Path, c.Folder), c.Path
		return s, nil
	}
	if tree, ok := strings.CutSuffix(filepath.Clean(c.Path), "/"+c.Folder); ok {
		s.tree = tree
	}
	return s, nil
}

// moduleDir returns the folder of a module's version in Go's module cache. The module is downloaded if the cache has none.
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
	cmd.Dir = os.TempDir() // outside of any module; otherwise go reads the requirements of the module
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

// load reads the chart.
func (s chartSource) load() (*chart.Chart, error) {
	loaded, err := loader.Load(s.path)
	if err != nil {
		return nil, fmt.Errorf("chart in %s: %w", s.path, err)
	}
	return loaded, nil
}
