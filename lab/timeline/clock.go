package timeline

import (
	"time"

	"skidpad.dev/skidpad/lab/system"
)

// Now returns the host's CLOCK_MONOTONIC in nanoseconds (clock_gettime(2)): the same in every container.
func Now() int64 { return system.Now() }

// Stamp returns the present moment by both clocks.
func Stamp() (at int64, wall time.Time) { return Now(), time.Now() }

// AtWall converts a wall-clock time, from another program's stamp, to CLOCK_MONOTONIC. AtWall is correct if
// the wall clock was not set since, within the time between the readings of the two clocks (microseconds).
func AtWall(wall time.Time) int64 {
	at, now := Stamp()
	// Round strips Go's monotonic reading: only then are both times wall-clock times.
	return at - int64(now.Round(0).Sub(wall.Round(0)))
}

// WallAt is the inverse of AtWall.
func WallAt(at int64) time.Time {
	now, wall := Stamp()
	return wall.Round(0).Add(time.Duration(at - now))
}
