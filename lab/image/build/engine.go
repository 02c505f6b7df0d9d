package build

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/jsonstream"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/registry"
	"github.com/moby/moby/client"
)

// Found is an image in the engine.
type Found struct {
	ID     string
	Tags   []string
	Size   int64 // bytes, shared layers included
	Labels map[string]string
}

// Engine has the operations of a container engine needed to resolve and build images.
type Engine interface {
	// Find finds an image by name; for a missing image ok is false, without an error.
	Find(ctx context.Context, ref string) (f Found, ok bool, err error)
	// Arch returns the architecture of the engine's machine, by Go's name.
	Arch(ctx context.Context) (string, error)
	// List returns every tagged image.
	List(ctx context.Context) ([]Found, error)
	// Published asks the registry for an image, without a pull. The error is nil if the registry has the image.
	Published(ctx context.Context, ref string) error
	Pull(ctx context.Context, ref string) error
	// Tag gives an image a further name.
	Tag(ctx context.Context, ref, name string) error
	Push(ctx context.Context, ref string) error
	Load(ctx context.Context, archive io.Reader) error
	Save(ctx context.Context, refs []string) (io.ReadCloser, error)
	// Remove removes a name of an image, and removes the image with its last name. If a container uses the image, the
	// error is ErrInUse.
	Remove(ctx context.Context, ref string) error
	// Workshop starts a container of an image; commands run in the container before Commit makes an image of it.
	// Workshops returns owner. A workshop that is online reaches the engine's networks, others reach nothing.
	Workshop(ctx context.Context, ref, owner string, online bool) (Workshop, error)
	// Workshops returns all workshops, by owner.
	Workshops(ctx context.Context) (map[string]Workshop, error)
}

// Workshop is a container for the build of an image. The container sleeps; its /work is a volume outside of the image.
type Workshop interface {
	// Exec runs a shell script to its end, with standard input and output unless nil.
	Exec(ctx context.Context, stdin io.Reader, stdout io.Writer, script string) error
	// Commit makes an image of the container's file system, with the configuration of the container's image and further
	// labels.
	Commit(ctx context.Context, ref string, labels map[string]string) error
	// Close removes the container and its volume.
	Close() error
}

// Docker returns the engine behind a client.
func Docker(c *client.Client) Engine { return docker{c} }

type docker struct{ c *client.Client }

func (d docker) Find(ctx context.Context, ref string) (Found, bool, error) {
	r, err := d.c.ImageInspect(ctx, ref)
	if errdefs.IsNotFound(err) {
		return Found{}, false, nil
	}
	if err != nil {
		return Found{}, false, fmt.Errorf("look for image %s in the engine: %w", ref, err)
	}
	f := Found{ID: r.ID, Tags: r.RepoTags, Size: r.Size}
	if r.Config != nil {
		f.Labels = r.Config.Labels
	}
	return f, true, nil
}

func (d docker) Arch(ctx context.Context) (string, error) {
	v, err := d.c.ServerVersion(ctx, client.ServerVersionOptions{})
	if err != nil {
		return "", fmt.Errorf("the engine's architecture: %w", err)
	}
	return v.Arch, nil
}

func (d docker) List(ctx context.Context) ([]Found, error) {
	r, err := d.c.ImageList(ctx, client.ImageListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list the engine's images: %w", err)
	}
	var all []Found
	for _, i := range r.Items {
		tags := slices.DeleteFunc(slices.Clone(i.RepoTags), func(t string) bool { return strings.HasPrefix(t, "<none>") })
		if len(tags) > 0 {
			all = append(all, Found{ID: i.ID, Tags: tags, Size: i.Size, Labels: i.Labels})
		}
	}
	return all, nil
}

func (d docker) Published(ctx context.Context, ref string) error {
	auth, err := credentials(ref)
	if err == nil {
		_, err = d.c.DistributionInspect(ctx, ref, client.DistributionInspectOptions{EncodedRegistryAuth: auth})
	}
	return named(ref, err)
}

func (d docker) Pull(ctx context.Context, ref string) error {
	auth, err := credentials(ref)
	if err != nil {
		return named(ref, err)
	}
	r, err := d.c.ImagePull(ctx, ref, client.ImagePullOptions{RegistryAuth: auth})
	if err != nil {
		return named(ref, err)
	}
	defer func() { _ = r.Close() }()
	return named(ref, r.Wait(ctx))
}

func (d docker) Tag(ctx context.Context, ref, name string) error {
	_, err := d.c.ImageTag(ctx, client.ImageTagOptions{Source: ref, Target: name})
	return named(ref, err)
}

func (d docker) Push(ctx context.Context, ref string) error {
	auth, err := credentials(ref)
	if err != nil {
		return named(ref, err)
	}
	r, err := d.c.ImagePush(ctx, ref, client.ImagePushOptions{RegistryAuth: auth})
	if err != nil {
		return named(ref, err)
	}
	defer func() { _ = r.Close() }()
	return named(ref, r.Wait(ctx))
}

// credentials returns the user's credentials for the registry of a reference, as `docker login` stored them, in the form
// of the engine's API. The value is never empty, because older engines refuse to push without the header.
func credentials(ref string) (string, error) {
	parsed, err := name.ParseReference(ref)
	if err != nil {
		return "", err
	}
	a, err := authn.DefaultKeychain.Resolve(parsed.Context())
	if err != nil {
		return "", err
	}
	c, err := a.Authorization()
	if err != nil {
		return "", err
	}
	data, err := json.Marshal(registry.AuthConfig{Username: c.Username, Password: c.Password, Auth: c.Auth, IdentityToken: c.IdentityToken, RegistryToken: c.RegistryToken})
	return base64.URLEncoding.EncodeToString(data), err
}

// named adds the reference to an engine's error, because some errors lack the reference.
func named(ref string, err error) error {
	if err != nil {
		err = fmt.Errorf("%s: %w", ref, err)
	}
	return err
}

// ErrInUse means that an image stays because a container uses the image.
var ErrInUse = errors.New("a container uses the image")

func (d docker) Remove(ctx context.Context, ref string) error {
	_, err := d.c.ImageRemove(ctx, ref, client.ImageRemoveOptions{PruneChildren: true})
	if errdefs.IsConflict(err) {
		return fmt.Errorf("%s: %w: %w", ref, ErrInUse, err)
	}
	return named(ref, err)
}

func (d docker) Load(ctx context.Context, archive io.Reader) error {
	r, err := d.c.ImageLoad(ctx, archive, client.ImageLoadWithQuiet(true))
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	return streamError(r)
}

// streamError reads an engine's stream of messages to its end and returns the failure reported there.
func streamError(r io.Reader) error {
	for messages := json.NewDecoder(r); ; {
		var m jsonstream.Message
		switch err := messages.Decode(&m); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case m.Error != nil:
			return m.Error
		}
	}
}

func (d docker) Save(ctx context.Context, refs []string) (io.ReadCloser, error) {
	return d.c.ImageSave(ctx, refs)
}

func (d docker) Workshop(ctx context.Context, ref, owner string, online bool) (Workshop, error) {
	network := container.NetworkMode("none")
	if online {
		network = "default"
	}
	made, err := d.c.ContainerCreate(ctx, client.ContainerCreateOptions{
		Config: &container.Config{
			Image: ref, Entrypoint: []string{"sleep"}, Cmd: []string{"infinity"},
			Labels: map[string]string{LabelWorkshop: owner},
		},
		HostConfig: &container.HostConfig{
			// Unpacking an image mounts file systems; the default profiles forbid mounts.
			CapAdd:      []string{"SYS_ADMIN"},
			SecurityOpt: []string{"seccomp=unconfined", "apparmor=unconfined"},
			NetworkMode: network,
			Mounts:      []mount.Mount{{Type: mount.TypeVolume, Target: "/work"}},
		},
	})
	if err != nil {
		return nil, fmt.Errorf("container to build in, of %s: %w", ref, err)
	}
	w := &workshop{c: d.c, id: made.ID, from: ref}
	if _, err := d.c.ContainerStart(ctx, made.ID, client.ContainerStartOptions{}); err != nil {
		_ = w.Close()
		return nil, fmt.Errorf("start the container to build in, of %s: %w", ref, err)
	}
	return w, nil
}

func (d docker) Workshops(ctx context.Context) (map[string]Workshop, error) {
	list, err := d.c.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: client.Filters{}.Add("label", LabelWorkshop)})
	if err != nil {
		return nil, fmt.Errorf("list build containers: %w", err)
	}
	all := map[string]Workshop{}
	for _, c := range list.Items {
		if owner := c.Labels[LabelWorkshop]; filepath.IsAbs(owner) {
			all[owner] = &workshop{c: d.c, id: c.ID, from: c.Image}
		}
	}
	return all, nil
}
