package build

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"
)

const (
	modCilium    = "tools/images/cilium" // the pinned module's folder
	ciliumModule = "github.com/cilium/cilium"
)

// ciliumSource is a version of Cilium: a release, or a checkout.
type ciliumSource struct {
	version  string // 1.19.5
	checkout string // absolute; empty for a release
	// mod and sum are the committed go.mod and go.sum of the pinned release, and nil for other versions, with derived
	// files.
	mod, sum []byte
	// content is the hash of the sources.
	content string
}

// ciliumSource finds the sources of a version without network. See Cilium for the forms of version.
func (b *Builder) ciliumSource(version string) (ciliumSource, error) {
	if strings.Contains(version, "/") {
		return ciliumCheckout(version)
	}
	pinned, err := b.ModuleVersion(filepath.Join(modCilium, "go.mod"), ciliumModule)
	if err != nil {
		return ciliumSource{}, err
	}
	pinned = strings.TrimPrefix(pinned, "v")
	version = strings.TrimPrefix(version, "v")
	if version != "" && version != pinned {
		return ciliumSource{version: version, content: "module v" + version}, nil
	}
	src := ciliumSource{version: pinned}
	for name, data := range map[string]*[]byte{"go.mod": &src.mod, "go.sum": &src.sum} {
		if *data, err = b.source.Read(modCilium + "/" + name); err != nil {
			return ciliumSource{}, err
		}
	}
	src.content = Hash(string(src.mod), string(src.sum))
	return src, nil
}

func ciliumCheckout(dir string) (ciliumSource, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return ciliumSource{}, fmt.Errorf("checkout of Cilium: %w", err)
	}
	mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil || !bytes.Contains(mod, []byte("module "+ciliumModule+"\n")) {
		return ciliumSource{}, fmt.Errorf("%s is no checkout of Cilium: no go.mod of module %s there; give the folder with the go.mod, or a version such as 1.19.5", dir, ciliumModule)
	}
	version, err := os.ReadFile(filepath.Join(dir, "VERSION"))
	if err != nil {
		return ciliumSource{}, fmt.Errorf("checkout of Cilium: %w", err)
	}
	content, err := hashTree(dir, ".git", "vendor", "Documentation", "test", ".github", "examples")
	if err != nil {
		return ciliumSource{}, fmt.Errorf("checkout of Cilium: %w", err)
	}
	return ciliumSource{version: strings.TrimSpace(string(version)), checkout: dir, content: content}, nil
}

// tag is the version in an image's tag.
func (s ciliumSource) tag() string {
	if s.checkout != "" {
		return s.version + "-local"
	}
	return s.version
}

// dir returns the folder of the sources, and downloads the sources into the module cache if missing.
func (s ciliumSource) dir(ctx context.Context) (string, error) {
	if s.checkout != "" {
		return s.checkout, nil
	}
	m, err := downloadModule(ctx, ciliumModule+"@v"+s.version)
	return m.Dir, err
}

// stamp returns the version text that Cilium's Makefile.defs writes into its programs: "1.19.5 20eaccfe
// 2026-06-16T10:54:31Z". Cilium parses three words; an unknown revision is the word unknown.
func (s ciliumSource) stamp(ctx context.Context) (string, error) {
	if s.checkout != "" {
		cmd := exec.CommandContext(ctx, "git", "-C", s.checkout, "show", "-s", "--format=%h %aI")
		if out, err := output(cmd); err == nil {
			return s.version + " " + strings.TrimSpace(out), nil
		}
		return s.version + " unknown unknown", nil
	}
	m, err := downloadModule(ctx, ciliumModule+"@v"+s.version)
	if err != nil {
		return "", err
	}
	data, err := os.ReadFile(m.Info)
	if err != nil {
		return "", fmt.Errorf("revision of Cilium %s: %w", s.version, err)
	}
	return releaseStamp(s.version, data)
}

// releaseStamp makes a stamp from the module proxy's information on a version.
func releaseStamp(version string, info []byte) (string, error) {
	var i struct {
		Time   time.Time
		Origin struct{ Hash string }
	}
	if err := json.Unmarshal(info, &i); err != nil {
		return "", fmt.Errorf("revision of Cilium %s: %w", version, err)
	}
	revision := "unknown"
	if len(i.Origin.Hash) >= 8 {
		revision = i.Origin.Hash[:8]
	}
	return version + " " + revision + " " + i.Time.Format(time.RFC3339), nil
}

var (
	goModModule = regexp.MustCompile(`(?m)^module .*$`)
	goModTools  = regexp.MustCompile(`(?m)^tool (\((?s:.*?)\n\)|.*)\n`)
)

// goMod turns Cilium's own go.mod into the go.mod of a module that builds Cilium's programs: the same requirements and
// replacements, because only a main module's replacements count, plus Cilium itself. `go mod tidy` would fail, because
// the command wants modules of cloud providers.
func (s ciliumSource) goMod(upstream []byte) []byte {
	mod := goModModule.ReplaceAll(upstream, []byte("module skidpad.dev/skidpad/"+modCilium))
	mod = append(bytes.TrimRight(goModTools.ReplaceAll(mod, nil), "\n"), '\n')
	if s.checkout != "" {
		return fmt.Appendf(mod, "\nrequire %s v0.0.0\n\nreplace %[1]s => %s\n", ciliumModule, s.checkout)
	}
	return fmt.Appendf(mod, "\nrequire %s v%s\n", ciliumModule, s.version)
}

var envoyImage = regexp.MustCompile(`(?m)^ARG CILIUM_ENVOY_IMAGE=[^/\s]*/[^:\s]*:([^:@\s]*)`)

// envoyRevision returns the Envoy revision of this Cilium, read from the Dockerfile as in Makefile.defs: the part after
// the last dash of the image's tag. envoyRevision returns "" without a tag.
func envoyRevision(dockerfile []byte) string {
	m := envoyImage.FindSubmatch(dockerfile)
	if m == nil {
		return ""
	}
	tag := string(m[1])
	return tag[strings.LastIndex(tag, "-")+1:]
}

// hashTree digests the paths and contents of a tree's regular files and links, except some folders at the top.
func hashTree(dir string, except ...string) (string, error) {
	h := sha256.New()
	err := filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, file)
		if err != nil {
			return err
		}
		switch {
		case d.IsDir() && slices.Contains(except, rel):
			return fs.SkipDir
		case d.Type() == fs.ModeSymlink:
			target, err := os.Readlink(file)
			fmt.Fprintf(h, "%q -> %q\n", rel, target)
			return err
		case !d.Type().IsRegular():
			return nil
		}
		f, err := os.Open(file)
		if err != nil {
			return err
		}
		defer f.Close()
		content := sha256.New()
		if _, err := io.Copy(content, f); err != nil {
			return err
		}
		fmt.Fprintf(h, "%q %x\n", rel, content.Sum(nil))
		return nil
	})
	return hex.EncodeToString(h.Sum(nil)), err
}

// programsKey is the hash of the inputs of Cilium's programs.
func (s ciliumSource) programsKey() string {
	return Hash("cilium programs 2", s.version, s.content, runtime.Version(), runtime.GOARCH,
		strings.Join(ciliumTags, ","), fmt.Sprint(ciliumJoined), fmt.Sprint(ciliumOwn), jointTemplate)
}
