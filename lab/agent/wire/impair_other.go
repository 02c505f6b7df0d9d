//go:build !linux

package wire

// Main does nothing: only processes on Linux delay packets.
func Main() {}
