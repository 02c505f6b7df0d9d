package signal

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"

	"skidpad.dev/skidpad/lab/node"
	"skidpad.dev/skidpad/lab/scenario"
)

// Ping shows how many ICMP echo requests are answered.
type Ping struct{ Echoes }

var answeredPings = regexp.MustCompile(`(?m)^[0-9]+ bytes from `)

// Read sends the requests.
func (s *Ping) Read(ctx context.Context, r *Run) (Value, error) { return s.send(ctx, r, answeredPings) }

// Echoes are the fields of a signal that sends ICMP echo requests.
type Echoes struct {
	byContent
	From  string `json:"from"`
	To    string `json:"to"`
	Count int    `json:"count,omitempty" jsonschema:"minimum=1,maximum=100"` // default 5
	Sized
}

// Probes marks the signal as a sender.
func (*Echoes) Probes() {}

// SetDefaults fills in Count.
func (s *Echoes) SetDefaults(*scenario.Spec) { scenario.Or(&s.Count, 5) }

// Validate checks the sender and the names in the target.
func (s *Echoes) Validate(v *scenario.Validation, path string) {
	v.Place(path+".from", s.From)
	v.Addressed(path+".to", s.To, false)
	s.validate(v, path)
}

// Sized are the fields of packets with a size of their own.
type Sized struct {
	// Size is the number of payload bytes, without the headers of IP, and of ICMP or UDP: 1472 fills an IPv4 packet of 1500
	// bytes; default: a few bytes.
	Size int `json:"size,omitempty" jsonschema:"minimum=1,maximum=65000"`
	// DontFragment keeps the sender and the routers from cutting a packet into fragments (RFC 791, 2.3: the DF flag). A packet
	// that is too large for a link is lost. Default: fragments are allowed.
	DontFragment bool `json:"dontFragment,omitempty"`
}

func (s *Sized) validate(v *scenario.Validation, path string) {
	if s.DontFragment && s.Size == 0 {
		v.Add(path+".size", "seen dontFragment without a size, want the payload's size in bytes: small packets are never cut")
	}
}

// send sends the requests and counts the lines of ping's output that match.
func (s *Echoes) send(ctx context.Context, r *Run, count *regexp.Regexp) (Value, error) {
	to, err := r.Fill(ctx, s.To)
	if err != nil {
		return Value{}, err
	}
	n, err := r.Place(ctx, s.From)
	if err != nil {
		return Value{}, err
	}
	command := []string{"ping", "-n", "-c", strconv.Itoa(s.Count), "-i", "0.2", "-W", "1"}
	if s.Size > 0 {
		command = append(command, "-s", strconv.Itoa(s.Size), "-M", map[bool]string{true: "do", false: "dont"}[s.DontFragment])
	}
	out, err := n.Exec(ctx, append(command, to)...)
	if err := ranAtLeast(err); err != nil {
		return Value{}, err
	}
	return Number(float64(len(count.FindAllIndex(out, -1))), fmt.Sprintf(" of %d", s.Count)), nil
}

// ranAtLeast lets pass that a command found nothing: ping ends with 1 then.
func ranAtLeast(err error) error {
	var exit *node.ExitError
	if errors.As(err, &exit) && exit.Code == 1 {
		return nil
	}
	return err
}
