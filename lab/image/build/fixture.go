package build

import (
	"context"
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"skidpad.dev/skidpad/lab/source"
)

// Echo is the image of the echo server in a cluster: one static program.
func (b *Builder) Echo() (Recipe, error) {
	key, err := b.fixtureKey("echo")
	if err != nil {
		return Recipe{}, err
	}
	return Recipe{
		Name: "echo", Version: "1", Key: Hash("echo image 1", key),
		Make: func(ctx context.Context, b *Builder, r Recipe) error {
			dir, err := b.fixture(ctx, "echo")
			if err != nil {
				return err
			}
			tmp, err := os.MkdirTemp("", "skidpad-echo-")
			if err != nil {
				return fmt.Errorf("image echo: %w", err)
			}
			defer func() { _ = os.RemoveAll(tmp) }()
			layer := filepath.Join(tmp, "echo.tar")
			if err := WriteLayer(layer, []Entry{{Path: "/echo", Mode: 0o755, From: filepath.Join(dir, "echo")}}); err != nil {
				return err
			}
			img, err := Assemble(v1.Config{Entrypoint: []string{"/echo"}, Labels: r.Labels()}, layer)
			if err != nil {
				return err
			}
			return b.Load(ctx, r.Ref(), img)
		},
	}, nil
}

// fixture returns a folder with a program of fixtures/, and builds the program if missing.
func (b *Builder) fixture(ctx context.Context, name string) (string, error) {
	key, err := b.fixtureKey(name)
	if err != nil {
		return "", err
	}
	p := Programs{Module: ".", Packages: map[string]string{name: "./fixtures/" + name}}
	return b.HeavyArtefact(ctx, name+"-program", key, func(ctx context.Context, dir string) error {
		if err := b.need(ctx, toolGo()); err != nil {
			return err
		}
		return b.goBuild(ctx, p, dir)
	})
}

// fixtureKey is the hash of a fixture program's sources and of the project's packages in its imports. If these import
// other modules, the hash covers go.mod and go.sum, too.
func (b *Builder) fixtureKey(name string) (string, error) {
	var files []string
	seen := map[string]bool{}
	others := false
	for todo := []string{"fixtures/" + name}; len(todo) > 0; todo = todo[1:] {
		if seen[todo[0]] {
			continue
		}
		seen[todo[0]] = true
		sources, imports, err := b.packageSources(todo[0])
		if err != nil {
			return "", err
		}
		files = append(files, sources...)
		for _, i := range imports {
			if own, ok := strings.CutPrefix(i, source.Module+"/"); ok {
				todo = append(todo, own)
			} else if first, _, _ := strings.Cut(i, "/"); strings.Contains(first, ".") {
				others = true
			}
		}
	}
	if others {
		files = append(files, "go.mod", "go.sum")
	}
	slices.Sort(files)
	key, err := b.HashFiles(files...)
	if err != nil {
		return "", err
	}
	return Hash("fixture 1", name, runtime.Version(), runtime.GOARCH, key), nil
}

// packageSources lists a package's files and imports.
func (b *Builder) packageSources(dir string) (files, imports []string, err error) {
	for _, file := range b.source.In(dir) {
		if path.Ext(file) != ".go" {
			continue
		}
		files = append(files, file)
		parsed, err := parser.ParseFile(token.NewFileSet(), file, b.source[file], parser.ImportsOnly)
		if err != nil {
			return nil, nil, fmt.Errorf("recipe input: %w", err)
		}
		for _, i := range parsed.Imports {
			if p, err := strconv.Unquote(i.Path.Value); err == nil {
				imports = append(imports, p)
			}
		}
	}
	if len(files) == 0 {
		return nil, nil, fmt.Errorf("recipe input %s: no Go files in the folder", dir)
	}
	return files, imports, nil
}
