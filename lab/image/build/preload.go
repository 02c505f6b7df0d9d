package build

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// startContainerd runs the node's containerd only to store images, with its root at $root. containerd ends with the
// script.
const startContainerd = `
printf 'version = 3\nroot = "%s"\ndisabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime"]\n' "$root" >/work/containerd.toml
containerd --config /work/containerd.toml >/work/containerd.log 2>&1 &
pid=$!
trap 'kill $pid 2>/dev/null || true; wait $pid 2>/dev/null || true' EXIT
for i in $(seq 150); do
  ctr version >/dev/null 2>&1 && break
  sleep 0.1
done
ctr version >/dev/null || { tail -n 20 /work/containerd.log >&2; exit 1; }
`

// importScript imports the images of an archive on standard input into the content store without unpacking, like kind's
// build of a node image.
const importScript = `root=/var/lib/containerd` + startContainerd + `
ctr -n k8s.io images import --local --no-unpack --all-platforms --label=io.cri-containerd.pinned=pinned -
`

// listScript prints the names of the images in a node image's content store.
const listScript = `root=/var/lib/containerd` + startContainerd + `
ctr -n k8s.io images ls -q | grep -v -e @ -e ^sha256: || true
`

// exportScript writes the image $ref to standard output.
const exportScript = `root=/var/lib/containerd` + startContainerd + `
ctr -n k8s.io images export --local - "$ref"
`

// unpackScript imports images from standard input and unpacks the images into /kind/preload of the node image. The
// node's containerd finds at its root the metadata, and for each snapshot a link to its files. So the engine's copy of
// /var into each node's volume stays small, and nodes share the files. Layers are deleted after unpacking. During
// unpacking containerd's root is on the volume, because overlay snapshots cannot be made on top of an overlay.
const unpackScript = `root=/work/root
mkdir -p $root
(` + startContainerd + `
ctr -n k8s.io images import --local --snapshotter overlayfs --label=io.cri-containerd.pinned=pinned - >/work/imported
# Manifests and configurations are small and stay; what is large is a layer.
blobs=$root/io.containerd.content.v1.content/blobs/sha256
for layer in $(find $blobs -type f -size +128k -printf '%f\n'); do
  ctr -n k8s.io content rm sha256:$layer >/dev/null
  rm -f $blobs/$layer
done
)
snapshots=$root/io.containerd.snapshotter.v1.overlayfs/snapshots
mkdir -p /kind/preload
cp -a $snapshots/. /kind/preload/
for s in $snapshots/*; do
  rm -rf "$s"
  ln -s /kind/preload/"${s##*/}" "$s"
done
rm -rf /var/lib/containerd
mkdir -m 0700 /var/lib/containerd
# Nothing else: containerd's own identity, for one, is each node's.
for keep in io.containerd.metadata.v1.bolt io.containerd.content.v1.content io.containerd.snapshotter.v1.overlayfs; do
  cp -a $root/$keep /var/lib/containerd/
done
`

// NodeLab is the name of node images with other images inside.
const NodeLab = "node-lab"

// Part is an image inside a node image.
type Part struct {
	Ref string
	Found
}

// identity distinguishes two images: images built here by their inputs, other images by the engine's ID. Another engine
// may compute another ID. A user's image that was built from an image of ours has our label, too.
func (p Part) identity() string {
	if inputs := p.Labels[LabelInputs]; inputs != "" && strings.HasPrefix(p.Ref, Domain+"/") {
		return inputs
	}
	return p.ID
}

// Preloaded is the image of a node with images unpacked before the node's start: the images in the node image's content
// store, and images. Each image is flattened into a single layer.
func (b *Builder) Preloaded(node Part, version string, images []Part) Recipe {
	inputs := []string{"preloaded 2", unpackScript, node.Ref, node.identity()}
	parts := map[string]string{"node": node.Ref}
	for _, i := range images {
		inputs = append(inputs, i.Ref, i.identity())
		parts["preload."+imageName(i.Ref)] = i.Ref
	}
	return Recipe{
		Name: NodeLab, Version: version, Key: Hash(inputs...), Parts: parts,
		Make: func(ctx context.Context, b *Builder, r Recipe) error {
			return b.Heavy(ctx, func() error { return b.preload(ctx, node, images, r) })
		},
	}
}

// imageName is the last element of a reference's path, without its tag.
func imageName(ref string) string {
	base := ref[strings.LastIndexByte(ref, '/')+1:]
	base, _, _ = strings.Cut(base, "@")
	base, _, _ = strings.Cut(base, ":")
	return base
}

func (b *Builder) preload(ctx context.Context, node Part, images []Part, r Recipe) error {
	shop, tmp, done, err := b.workshop(ctx, node.Ref, false)
	if err != nil {
		return err
	}
	defer done()

	var list bytes.Buffer
	if err := shop.Exec(ctx, nil, &list, listScript); err != nil {
		return fmt.Errorf("images in %s: %w", node.Ref, err)
	}
	all := map[name.Reference]v1.Image{}
	for _, ref := range strings.Fields(list.String()) {
		err := flatten(tmp, ref, all, func(w io.Writer) error {
			return shop.Exec(ctx, nil, w, "ref="+shellQuote(ref)+"\n"+exportScript)
		})
		if err != nil {
			return explainDisk("image "+ref, err)
		}
	}
	for _, i := range images {
		err := flatten(tmp, i.Ref, all, func(w io.Writer) error { return b.save(ctx, i.Ref, w) })
		if err != nil {
			return explainDisk("image "+i.Ref, err)
		}
	}
	reader, writer := io.Pipe()
	go func() { writer.CloseWithError(tarball.MultiRefWrite(all, writer)) }()
	defer func() { _ = reader.Close() }()
	if err := shop.Exec(ctx, reader, nil, unpackScript); err != nil {
		return explainDisk("image "+r.Ref(), fmt.Errorf("unpack images into a node image: %w", err))
	}
	return shop.Commit(ctx, r.Ref(), r.Labels())
}

func (b *Builder) save(ctx context.Context, ref string, w io.Writer) error {
	r, err := b.Engine.Save(ctx, []string{ref})
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	_, err = io.Copy(w, r)
	return err
}

// flatten adds to all the image written by save, as a single layer in a file of dir. A node's files are on an overlay
// already, where whiteouts of further layers cannot be made.
func flatten(dir, ref string, all map[name.Reference]v1.Image, save func(io.Writer) error) error {
	fail := func(err error) error { return fmt.Errorf("flatten image %s: %w", ref, err) }
	tag, err := name.NewTag(ref)
	if err != nil {
		return fail(err)
	}
	archive := filepath.Join(dir, "archive.tar")
	if err := writeFile(archive, save); err != nil {
		return fail(err)
	}
	defer func() { _ = os.Remove(archive) }()
	img, err := tarball.ImageFromPath(archive, nil)
	if err != nil {
		return fail(err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		return fail(err)
	}
	layer := filepath.Join(dir, fmt.Sprintf("layer-%d.tar", len(all)))
	err = writeFile(layer, func(w io.Writer) error {
		flat := mutate.Extract(img)
		defer func() { _ = flat.Close() }()
		_, err := io.Copy(w, flat)
		return err
	})
	if err != nil {
		return fail(err)
	}
	if all[tag], err = Assemble(config.Config, layer); err != nil {
		return fail(err)
	}
	return nil
}

func writeFile(path string, write func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if err := write(f); err != nil {
		return err
	}
	return f.Close()
}
