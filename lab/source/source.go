// Package source is the part of skidpad's source tree that is compiled on a user's machine: pinned modules, and programs for
// labs. The program carries these files, so images can be built in any folder.
package source

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"skidpad.dev/skidpad/fixtures"
	"skidpad.dev/skidpad/lab/loss"
	"skidpad.dev/skidpad/tools/images"
)

// Module is the path of the module with the programs.
const Module = "skidpad.dev/skidpad"

// ownPins is the file with the modules that the programs of fixtures import.
const ownPins = "fixtures"

// Files are files by slash-separated path from the root of the source tree.
type Files map[string][]byte

// All returns the embedded files. The module X of tools/images is the folder tools/images/X, with its own go.mod; the go.mod
// of the root is for the programs only.
var All = sync.OnceValue(func() Files {
	all := Files{}
	all.add("tools/images", images.FS)
	all.add("fixtures", fixtures.FS)
	all.add("lab/loss", loss.RecordSource)
	for name, data := range maps.Clone(all) {
		if kind := path.Ext(name); kind == ".mod" || kind == ".sum" {
			delete(all, name)
			folder := strings.TrimSuffix(name, kind)
			if path.Base(folder) == ownPins {
				folder = "."
			}
			all[path.Join(folder, "go"+kind)] = data
		}
	}
	return all
})

// add adds the files of an embedded folder, without tests.
func (f Files) add(folder string, from fs.FS) {
	err := fs.WalkDir(from, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(name, "_test.go") {
			return err
		}
		f[path.Join(folder, name)], err = fs.ReadFile(from, name)
		return err
	})
	if err != nil {
		panic(fmt.Sprintf("lab bug: the embedded folder %s cannot be read: %v", folder, err))
	}
}

// Read returns a file.
func (f Files) Read(name string) ([]byte, error) {
	data, ok := f[filepath.ToSlash(name)]
	if !ok {
		return nil, fmt.Errorf("lab bug: no file %s among the embedded sources", name)
	}
	return data, nil
}

// In returns the paths of the files directly in a folder, in order.
func (f Files) In(folder string) []string {
	var all []string
	for name := range f {
		if path.Dir(name) == folder {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all
}

// Write writes all files below a folder.
func (f Files) Write(dir string) error {
	for name, data := range f {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, data, 0o644); err != nil {
			return err
		}
	}
	return nil
}
