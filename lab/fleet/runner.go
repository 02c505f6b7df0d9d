package fleet

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	corev1 "k8s.io/api/core/v1"

	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/image/build"
	"skidpad.dev/skidpad/lab/node"
)

// RunnerImage is the catalogue's name of the runner image.
const RunnerImage = "runner"

// Load is everything in a runner image beside the engine.
type Load struct {
	Program string            // skidpad for Linux
	Images  []image.Resolved  // the images of labs
	Files   map[string]string // of the user's project: a path in the project, and the file here
}

// Runner is the catalogue's entry of the runner image: an engine, skidpad, the images of labs as one archive, and files of the
// user's project.
func Runner(engine image.Resolved, l Load) image.Entry {
	return image.Entry{Name: RunnerImage, What: "runs labs in a pod", Version: "1", Recipe: func(_ *build.Builder, version string) (build.Recipe, error) {
		images, err := l.key()
		if err != nil {
			return build.Recipe{}, err
		}
		entries, files, err := l.entries()
		if err != nil {
			return build.Recipe{}, err
		}
		return build.Recipe{Name: RunnerImage, Version: version, Key: build.Hash("runner 1", engine.ID, images, files), Parts: map[string]string{"engine": engine.Ref},
			Make: func(ctx context.Context, b *build.Builder, r build.Recipe) error {
				return b.Heavy(ctx, func() error { return l.make(ctx, b, r, engine.Ref, images, entries) })
			}}, nil
	}}
}

// key identifies the images.
func (l Load) key() (string, error) {
	if len(l.Images) == 0 {
		return "", errors.New("lab bug: a runner image without images of labs")
	}
	var ids []string
	for _, i := range l.Images {
		ids = append(ids, i.Ref+" "+i.ID)
	}
	slices.Sort(ids)
	return build.Hash(slices.Compact(ids)...), nil
}

// entries returns the files of the image, and the hash of their contents.
func (l Load) entries() ([]build.Entry, string, error) {
	entries := []build.Entry{{Path: "/usr/local/bin/skidpad", From: l.Program, Mode: 0o755}}
	for in, from := range l.Files {
		mode := fs.FileMode(0o644)
		if info, err := os.Stat(from); err == nil {
			mode = info.Mode().Perm()
		}
		entries = append(entries, build.Entry{Path: path.Join(project, in), From: from, Mode: mode})
		for dir := path.Dir(path.Join(project, in)); dir != "/"; dir = path.Dir(dir) {
			entries = append(entries, build.Entry{Path: dir, Mode: 0o755, Dir: true})
		}
	}
	var inputs []string
	for _, e := range entries {
		if e.Dir {
			continue
		}
		f, err := os.Open(e.From)
		if err != nil {
			return nil, "", fmt.Errorf("runner image: %w", err)
		}
		h := sha256.New()
		_, err = io.Copy(h, f)
		if err := errors.Join(err, f.Close()); err != nil {
			return nil, "", fmt.Errorf("runner image: %w", err)
		}
		inputs = append(inputs, e.Path+" "+hex.EncodeToString(h.Sum(nil)))
	}
	slices.Sort(inputs)
	return entries, build.Hash(inputs...), nil
}

// make adds two layers to the engine's image: the archive of images, which changes seldom, and the files.
func (l Load) make(ctx context.Context, b *build.Builder, r build.Recipe, engine, key string, entries []build.Entry) error {
	dir, err := os.MkdirTemp("", "skidpad-runner-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	base := filepath.Join(dir, "engine.tar")
	if err := save(ctx, b, base, engine); err != nil {
		return err
	}
	img, err := tarball.ImageFromPath(base, nil)
	if err != nil {
		return fmt.Errorf("image %s: %w", engine, err)
	}
	var refs []string
	for _, i := range l.Images {
		refs = append(refs, i.Ref)
	}
	slices.Sort(refs)
	archive := filepath.Join(dir, "images.tar")
	if err := save(ctx, b, archive, slices.Compact(refs)...); err != nil {
		return err
	}
	for name, layer := range map[string][]build.Entry{
		"archive.layer": {{Path: "/opt/skidpad", Mode: 0o755, Dir: true}, {Path: imagesFile, From: archive, Mode: 0o644}, {Path: imagesKey, Data: []byte(key), Mode: 0o644}},
		"files.layer":   append(entries, build.Entry{Path: project, Mode: 0o755, Dir: true}),
	} {
		if err := build.WriteLayer(filepath.Join(dir, name), layer); err != nil {
			return err
		}
	}
	for _, name := range []string{"archive.layer", "files.layer"} {
		layer, err := build.LayerFromFile(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		if img, err = mutate.AppendLayers(img, layer); err != nil {
			return fmt.Errorf("image %s: %w", r.Ref(), err)
		}
	}
	config := build.Starts("skidpad")
	config.Labels = r.Labels()
	if img, err = mutate.Config(img, v1.Config{Env: config.Env, Entrypoint: config.Entrypoint, Labels: config.Labels}); err != nil {
		return fmt.Errorf("image %s: %w", r.Ref(), err)
	}
	return b.Load(ctx, r.Ref(), img)
}

// save writes images of the engine to a file.
func save(ctx context.Context, b *build.Builder, file string, refs ...string) error {
	from, err := b.Engine.Save(ctx, refs)
	if err != nil {
		return fmt.Errorf("save images: %w", err)
	}
	defer func() { _ = from.Close() }()
	to, err := os.Create(file)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	return errors.Join(err, to.Close())
}

// deliver puts an image into the nodes of a cluster that are containers of this engine, as kind's are. Other nodes need the image
// in a registry.
func deliver(ctx context.Context, e *docker.Engine, nodes []corev1.Node, ref string) error {
	for _, n := range nodes {
		h := e.Node(n.Name, node.KindCluster, n.Name)
		id, err := h.Exec(ctx, "cat", "/etc/machine-id")
		if err != nil || string(bytes.TrimSpace(id)) != n.Status.NodeInfo.MachineID {
			return fmt.Errorf("node %s is no container of this engine; want the runner image in a registry (--registry HOST/FOLDER)", n.Name)
		}
		if has(n, ref) {
			continue
		}
		archive, err := e.Client.ImageSave(ctx, []string{ref})
		if err != nil {
			return fmt.Errorf("save image %s: %w", ref, err)
		}
		_, err = h.ExecStreams(ctx, docker.Streams{In: archive}, "ctr", "--namespace=k8s.io", "images", "import", "-")
		if err := errors.Join(err, archive.Close()); err != nil {
			return fmt.Errorf("node %s: image %s: %w", n.Name, ref, err)
		}
	}
	return nil
}

// has reports whether a node has an image, as far as the node tells.
func has(n corev1.Node, ref string) bool {
	return slices.ContainsFunc(n.Status.Images, func(i corev1.ContainerImage) bool { return slices.Contains(i.Names, ref) })
}
