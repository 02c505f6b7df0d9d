// Package bgp is the leaf with the state of a BGP speaker, for any router software: sessions, routes of the
// RIB and of the FIB.
package bgp

import "fmt"

// State is a session's state in BGP's finite state machine (RFC 4271, 8.2.2).
type State int

// The states, in the order of a session's establishment. Unknown is no state of the RFC.
const (
	Unknown State = iota
	Idle
	Connect
	Active
	OpenSent
	OpenConfirm
	Established
)

var stateNames = [...]string{"Unknown", "Idle", "Connect", "Active", "OpenSent", "OpenConfirm", "Established"}

// String spells the state like the RFC.
func (s State) String() string {
	if s < 0 || int(s) >= len(stateNames) {
		return fmt.Sprintf("State(%d)", int(s))
	}
	return stateNames[s]
}

// ParseState reads a state in the RFC's spelling. Another word is an error, with Unknown.
func ParseState(name string) (State, error) {
	for i, n := range stateNames {
		if n == name && State(i) != Unknown {
			return State(i), nil
		}
	}
	return Unknown, fmt.Errorf("%q is not a BGP state; wanted is one of %v", name, stateNames[1:])
}

// MarshalText writes the state's name.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (s *State) UnmarshalText(text []byte) error {
	if string(text) == stateNames[Unknown] {
		*s = Unknown
		return nil
	}
	v, err := ParseState(string(text))
	if err != nil {
		return err
	}
	*s = v
	return nil
}
