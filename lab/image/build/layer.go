package build

import (
	"archive/tar"
	"bufio"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Entry is one file, link or folder of a layer.
type Entry struct {
	Path string // absolute, in the image
	Mode fs.FileMode
	Data []byte
	From string // file to read instead of Data
	Link string // a symbolic link's target, instead of a file
	Dir  bool
}

// epoch is the time of all files in layers, in seconds of Unix: the same files make the same layer.
const epoch = 1700000000

// WriteLayer writes entries as a tar archive: sorted, owned by root, all with the same time, with all parent folders of
// listed folders.
func WriteLayer(file string, entries []Entry) error {
	out, err := os.Create(file)
	if err != nil {
		return fmt.Errorf("layer: %w", err)
	}
	defer func() { _ = out.Close() }()
	buffered := bufio.NewWriterSize(out, 1<<20)
	archive := tar.NewWriter(buffered)
	for _, e := range withFolders(entries) {
		if err := writeEntry(archive, e); err != nil {
			return fmt.Errorf("layer: %s: %w", e.Path, err)
		}
	}
	if err := archive.Close(); err != nil {
		return fmt.Errorf("layer: %w", err)
	}
	if err := buffered.Flush(); err != nil {
		return fmt.Errorf("layer: %w", err)
	}
	return out.Close()
}

// withFolders sorts entries by path and leaves out duplicates. Folders are written only on request: a folder outside
// the archive keeps the mode given by a lower layer.
func withFolders(entries []Entry) []Entry {
	entries = slices.Clone(entries)
	slices.SortStableFunc(entries, func(a, b Entry) int { return cmp.Compare(a.Path, b.Path) })
	return slices.CompactFunc(entries, func(a, b Entry) bool { return a.Path == b.Path })
}

func writeEntry(archive *tar.Writer, e Entry) error {
	h := &tar.Header{
		Name: strings.TrimPrefix(path.Clean(e.Path), "/"), Mode: int64(e.Mode.Perm()), ModTime: time.Unix(epoch, 0),
		Typeflag: tar.TypeReg, Size: int64(len(e.Data)), Format: tar.FormatPAX,
	}
	var body io.Reader = strings.NewReader(string(e.Data))
	switch {
	case e.Dir:
		h.Typeflag, h.Name, h.Size = tar.TypeDir, h.Name+"/", 0
	case e.Link != "":
		h.Typeflag, h.Linkname, h.Mode, h.Size = tar.TypeSymlink, e.Link, 0o777, 0
	case e.From != "":
		f, err := os.Open(e.From)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		info, err := f.Stat()
		if err != nil {
			return err
		}
		h.Size, body = info.Size(), f
	}
	if err := archive.WriteHeader(h); err != nil {
		return err
	}
	if h.Typeflag != tar.TypeReg {
		return nil
	}
	_, err := io.Copy(archive, body)
	return err
}

// fileLayer is an uncompressed layer in a file. Compression would only cost time, because the layer never leaves the
// machine.
type fileLayer struct {
	path string
	hash func() (v1.Hash, error)
	size int64
}

// LayerFromFile returns the layer in a tar archive.
func LayerFromFile(file string) (v1.Layer, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, fmt.Errorf("layer: %w", err)
	}
	hash := sync.OnceValues(func() (v1.Hash, error) {
		f, err := os.Open(file)
		if err != nil {
			return v1.Hash{}, err
		}
		defer func() { _ = f.Close() }()
		h := sha256.New()
		if _, err := io.Copy(h, f); err != nil {
			return v1.Hash{}, err
		}
		return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(h.Sum(nil))}, nil
	})
	return &fileLayer{path: file, hash: hash, size: info.Size()}, nil
}

func (l *fileLayer) Digest() (v1.Hash, error)             { return l.hash() }
func (l *fileLayer) DiffID() (v1.Hash, error)             { return l.hash() }
func (l *fileLayer) Compressed() (io.ReadCloser, error)   { return os.Open(l.path) }
func (l *fileLayer) Uncompressed() (io.ReadCloser, error) { return os.Open(l.path) }
func (l *fileLayer) Size() (int64, error)                 { return l.size, nil }
func (l *fileLayer) MediaType() (types.MediaType, error)  { return types.DockerUncompressedLayer, nil }

// Assemble makes an image of layers, lowest first, given as tar archives.
func Assemble(config v1.Config, layers ...string) (v1.Image, error) {
	img := empty.Image
	for _, file := range layers {
		layer, err := LayerFromFile(file)
		if err != nil {
			return nil, err
		}
		if img, err = mutate.AppendLayers(img, layer); err != nil {
			return nil, fmt.Errorf("image layer %s: %w", file, err)
		}
	}
	file, err := img.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("image configuration: %w", err)
	}
	file = file.DeepCopy()
	file.OS, file.Architecture, file.Created = "linux", runtime.GOARCH, v1.Time{Time: time.Unix(epoch, 0)}
	file.Config = config
	return mutate.ConfigFile(img, file)
}

// Load loads an image into the engine under a name.
func (b *Builder) Load(ctx context.Context, ref string, img v1.Image) error {
	tag, err := name.NewTag(ref)
	if err != nil {
		return fmt.Errorf("image %s: %w", ref, err)
	}
	r, w := io.Pipe()
	go func() { w.CloseWithError(tarball.Write(tag, img, w)) }()
	defer func() { _ = r.Close() }()
	if err := b.Engine.Load(ctx, r); err != nil {
		return explainDisk("image "+ref, fmt.Errorf("load image %s into the engine: %w", ref, err))
	}
	return nil
}
