package live

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// Dir returns the folder of a lab's files: the kubeconfig and the lock. The folder follows the XDG base directory
// specification. A lab's name comes from labels too, and names no folder elsewhere.
func Dir(name string) (string, error) {
	base := os.Getenv("XDG_STATE_HOME")
	if base == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("no place for the lab's files: %w; set XDG_STATE_HOME", err)
		}
		base = filepath.Join(home, ".local", "state")
	}
	name = url.PathEscape(name)
	if strings.Trim(name, ".") == "" {
		name = strings.ReplaceAll(name, ".", "%2E")
	}
	return filepath.Join(base, "skidpad", name), nil
}
