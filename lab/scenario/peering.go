package scenario

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
	"time"
)

// BFD notices a dead peer within interval × multiplier (RFC 5880).
type BFD struct {
	Interval   Duration `json:"interval,omitempty"`                                     // both ways, 10ms to 60s; default 300ms
	Multiplier int      `json:"multiplier,omitempty" jsonschema:"minimum=2,maximum=50"` // default 3
	// Multihop is BFD beyond one hop (RFC 5883), for sessions with multihop or loopback; default false.
	Multihop bool `json:"multihop,omitempty"`
}

// SetDefaults fills in the times. A nil BFD stays nil.
func (b *BFD) SetDefaults() {
	if b == nil {
		return
	}
	Or(&b.Interval, DefaultBFDInterval)
	Or(&b.Multiplier, DefaultBFDMultiplier)
}

// The defaults of BFD.
const (
	DefaultBFDInterval   = Duration(300 * time.Millisecond)
	DefaultBFDMultiplier = 3
)

// Community is a BGP community (RFC 1997) in the usual notation, two decimal numbers: 64512:100.
type Community string

// Secret is a password. Only the configuration of a router contains the password. Every other output, such as a plan or the
// record of a lab, contains a mark in place of the password. Different secrets have different marks.
type Secret string

// secretMark is the begin of every mark.
const secretMark = "secret-"

var secretForm = regexp.MustCompile(`^[A-Za-z0-9._~+/=-]{1,80}$`)

// String returns the mark.
func (s Secret) String() string {
	if s == "" || strings.HasPrefix(string(s), secretMark) {
		return string(s)
	}
	sum := sha256.Sum256([]byte(s))
	return secretMark + hex.EncodeToString(sum[:4])
}

// GoString returns the mark, too.
func (s Secret) GoString() string { return s.String() }

// MarshalText writes the mark.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Reveal returns the secret itself, for the configuration of a router. ok is false if only the mark is left.
func (s Secret) Reveal() (secret string, ok bool) {
	return string(s), !strings.HasPrefix(string(s), secretMark)
}
