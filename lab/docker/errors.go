package docker

import "github.com/containerd/errdefs"

// notFound reports whether the engine said that the object is not there.
func notFound(err error) bool { return errdefs.IsNotFound(err) }

// conflict reports whether the engine said that the object's state, or another object, is in the way.
func conflict(err error) bool { return errdefs.IsConflict(err) }
