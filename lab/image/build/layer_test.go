package build

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

func TestLayersAreReproducible(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "program", "ELF")
	entries := []Entry{
		{Path: "/usr/bin/x", Mode: 0o755, From: filepath.Join(dir, "program")},
		{Path: "/etc/a", Mode: 0o644, Data: []byte("hello")},
		{Path: "/etc/link", Link: "/etc/a"},
		{Path: "/etc/empty", Mode: 0o755, Dir: true},
	}
	read := func(file string) []byte {
		t.Helper()
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	one, two := filepath.Join(dir, "1.tar"), filepath.Join(dir, "2.tar")
	if err := WriteLayer(one, entries); err != nil {
		t.Fatal(err)
	}
	slices.Reverse(entries)
	if err := WriteLayer(two, entries); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(read(one), read(two)) {
		t.Error("the same entries make two layers")
	}
	var got []string
	archive := tar.NewReader(bytes.NewReader(read(one)))
	for {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, h.FileInfo().Mode().String()+" "+h.Name+" "+h.Linkname)
	}
	want := []string{"-rw-r--r-- etc/a ", "drwxr-xr-x etc/empty/ ", "Lrwxrwxrwx etc/link /etc/a", "-rwxr-xr-x usr/bin/x "}
	if !slices.Equal(got, want) {
		t.Errorf("layer holds %q, want %q", got, want)
	}
}

func TestFlattenKeepsConfigurationAndUpperFiles(t *testing.T) {
	dir := t.TempDir()
	lower, upper := filepath.Join(dir, "lower.tar"), filepath.Join(dir, "upper.tar")
	for file, entries := range map[string][]Entry{
		lower: {{Path: "/a", Data: []byte("old")}, {Path: "/gone", Data: []byte("x")}},
		upper: {{Path: "/a", Data: []byte("new")}, {Path: "/.wh.gone"}},
	} {
		if err := WriteLayer(file, entries); err != nil {
			t.Fatal(err)
		}
	}
	img, err := Assemble(v1.Config{Entrypoint: []string{"/a"}}, lower, upper)
	if err != nil {
		t.Fatal(err)
	}
	tag := name.MustParseReference("skidpad.local/x:1").(name.Tag)
	all := map[name.Reference]v1.Image{}
	if err := flatten(dir, tag.String(), all, func(w io.Writer) error { return tarball.Write(tag, img, w) }); err != nil {
		t.Fatal(err)
	}
	flat := all[tag]
	layers, err := flat.Layers()
	if err != nil || len(layers) != 1 {
		t.Fatalf("%d layers, %v; want one", len(layers), err)
	}
	config, err := flat.ConfigFile()
	if err != nil || len(config.Config.Entrypoint) != 1 {
		t.Errorf("configuration %+v, %v; want the entrypoint kept", config, err)
	}
	content := mutate.Extract(flat)
	defer func() { _ = content.Close() }()
	archive := tar.NewReader(content)
	files := map[string]string{}
	for {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		files[h.Name] = string(data)
	}
	if len(files) != 1 || files["a"] != "new" {
		t.Errorf("flattened to %q, want the upper a alone", files)
	}
}

func TestSandboxImageIsReplaced(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "etc/containerd/config.toml", "[x]\n  sandbox_image = \"elsewhere/pause:3.10\"\n  other = 1\n")
	write(t, dir, "usr/local/bin/entrypoint", "#!/bin/sh\n")
	entries, err := kindFiles(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		switch e.Path {
		case "/etc/containerd/config.toml":
			if want := "[x]\n  sandbox_image = \"skidpad.local/pause:" + pauseVersion + "\"\n  other = 1\n"; string(e.Data) != want {
				t.Errorf("configuration %q, want %q", e.Data, want)
			}
		case "/usr/local/bin/entrypoint":
			if e.Mode != 0o755 {
				t.Errorf("entrypoint has mode %v", e.Mode)
			}
		}
	}
	write(t, dir, "etc/containerd/config.toml", "[x]\n")
	if _, err := kindFiles(dir); err == nil {
		t.Error("a configuration without a sandbox image passes unseen")
	}
}
