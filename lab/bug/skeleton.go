package bug

import (
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/scenario"
)

//go:embed skeleton/scenario.yaml
var skeletonScenario string

//go:embed skeleton/README.md
var skeletonReadme string

// placeholder is the skeleton's own ID. The new ID replaces the placeholder.
const placeholder = "project-1234"

// Skeleton writes a new bug's folder into dir and returns the folder's files. An existing folder stays unchanged and is
// an error.
func Skeleton(dir, id string) ([]string, error) {
	text := strings.ReplaceAll(skeletonScenario, placeholder, id)
	if _, err := scenario.Parse(id, []byte(text), lab.Kinds()); err != nil {
		return nil, fmt.Errorf("%q cannot be a bug's ID: %w", id, err)
	}
	folder := filepath.Join(dir, id)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	if err := os.Mkdir(folder, 0o755); errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("%s is there already; choose another ID, or change that one", folder)
	} else if err != nil {
		return nil, err
	}
	var files []string
	for name, content := range map[string]string{"scenario.yaml": text, "README.md": strings.ReplaceAll(skeletonReadme, placeholder, id)} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o644); err != nil {
			return nil, err
		}
	}
	for _, name := range []string{"scenario.yaml", "README.md"} {
		files = append(files, filepath.Join(folder, name))
	}
	return files, nil
}
