package gateway

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// State is a VRRP router's state, in keepalived's words.
type State string

// The states. Unknown: the member does not answer, or has not reported a state yet.
const (
	Unknown State = ""
	Master  State = "MASTER"
	Backup  State = "BACKUP"
	Fault   State = "FAULT"
	Stopped State = "STOP"
)

// Member is the state that a gateway's member reports.
type Member struct {
	Router string    `json:"router"`
	State  State     `json:"state"`
	Since  time.Time `json:"since,omitzero"` // when the state began, by the host's wall clock
	// Addresses are the gateway's addresses in the router's kernel.
	Addresses []netip.Addr `json:"addresses,omitempty"`
	Seen      string       `json:"seen,omitempty"` // why the state is unknown
}

// String describes the member in a few words.
func (m Member) String() string {
	if m.State == Unknown {
		return fmt.Sprintf("%s: unknown (%s)", m.Router, m.Seen)
	}
	return fmt.Sprintf("%s: %s with %v", m.Router, m.State, m.Addresses)
}

// parseMember reads a line of notify.sh, followed by the output of `ip -j addr show`.
func parseMember(data []byte, addresses []netip.Addr) (Member, error) {
	line, rest, _ := bytes.Cut(data, []byte("\n"))
	fields := strings.Fields(string(line))
	if len(fields) != 2 {
		return Member{}, fmt.Errorf("state file: %q; wanted is a state and a time", line)
	}
	since, err := parseSeconds(fields[1])
	if err != nil {
		return Member{}, fmt.Errorf("state file: %w", err)
	}
	m := Member{State: State(fields[0]), Since: since}
	var links []struct {
		Addresses []struct {
			Local netip.Addr `json:"local"`
		} `json:"addr_info"`
	}
	if err := json.Unmarshal(rest, &links); err != nil {
		return Member{}, fmt.Errorf("output of ip addr: %w; it begins %.80q", err, rest)
	}
	for _, l := range links {
		for _, a := range l.Addresses {
			if slices.Contains(addresses, a.Local) {
				m.Addresses = append(m.Addresses, a.Local)
			}
		}
	}
	return m, nil
}

// parseSeconds reads seconds since 1970, with or without a fraction: some versions of date(1) print no fraction.
func parseSeconds(s string) (time.Time, error) {
	whole, fraction, _ := strings.Cut(s, ".")
	sec, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return time.Time{}, err
	}
	nsec, err := strconv.ParseInt(fraction, 10, 64)
	if err != nil || len(fraction) != 9 {
		nsec = 0
	}
	return time.Unix(sec, nsec), nil
}
