package docker

import "github.com/containerd/errdefs"

// notFound reports whether the engine answered that the object does not exist.
func notFound(err error) bool { return errdefs.IsNotFound(err) }

// conflict reports whether the engine refused because of the object's state or because of another object.
func conflict(err error) bool { return errdefs.IsConflict(err) }
