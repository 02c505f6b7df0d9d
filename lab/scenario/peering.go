package scenario

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
	"time"
)

// BFD notices a dead peer within interval × multiplier (RFC 5880), single-hop.
type BFD struct {
	Interval   Duration `json:"interval,omitempty"`                                     // both ways, 10ms to 60s; default 300ms
	Multiplier int      `json:"multiplier,omitempty" jsonschema:"minimum=2,maximum=50"` // default 3
}

// SetDefaults fills in the times; nil stays nil.
func (b *BFD) SetDefaults() {
	if b == nil {
		return
	}
	Or(&b.Interval, DefaultBFDInterval)
	Or(&b.Multiplier, DefaultBFDMultiplier)
}

// What BFD means where it says nothing.
const (
	DefaultBFDInterval   = Duration(300 * time.Millisecond)
	DefaultBFDMultiplier = 3
)

// RoutePolicy is set on every route that a peer sends or is sent.
type RoutePolicy struct {
	Communities []Community `json:"communities,omitempty"` // added to those there are
	LocalPref   *uint32     `json:"localPref,omitempty"`
	MED         *uint32     `json:"med,omitempty"`
}

// Community is a BGP community (RFC 1997) as people write it, both halves in decimal: 64512:100.
type Community string

// Secret is a password. It reaches a router's configuration and nothing else: written in any way, also as a part of
// a plan or of a lab's own record, only a mark is left of it, which differs from one secret to another.
type Secret string

// secretMark begins what is written instead of a secret.
const secretMark = "secret-"

var secretForm = regexp.MustCompile(`^[A-Za-z0-9._~+/=-]{1,80}$`)

// String is the mark.
func (s Secret) String() string {
	if s == "" || strings.HasPrefix(string(s), secretMark) {
		return string(s)
	}
	sum := sha256.Sum256([]byte(s))
	return secretMark + hex.EncodeToString(sum[:4])
}

// GoString is the mark, too.
func (s Secret) GoString() string { return s.String() }

// MarshalText writes the mark.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Reveal returns the secret itself, for a router's configuration. ok is false where only the mark is left.
func (s Secret) Reveal() (secret string, ok bool) {
	return string(s), !strings.HasPrefix(string(s), secretMark)
}
