package signal

import (
	"context"
	"regexp"
)

// TTLExceeded shows how many ICMP echo requests come back as undeliverable, since the requests went in a loop (RFC 792).
type TTLExceeded struct{ Echoes }

var expiredPings = regexp.MustCompile(`(?m)Time to live exceeded`)

// Read sends the requests.
func (s *TTLExceeded) Read(ctx context.Context, r *Run) (Value, error) {
	return s.send(ctx, r, expiredPings)
}
