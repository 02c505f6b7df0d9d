// Package system has the calls of the operating system that differ between Linux, macOS and Windows: locks, owners of
// files, signals, processes of their own and the monotonic clock. A call that only Linux has is in a file of Linux, in
// the package of the caller.
package system

import "errors"

// ErrLocked is the error of TryLock if another process holds the lock.
var ErrLocked = errors.New("another process holds the lock")
