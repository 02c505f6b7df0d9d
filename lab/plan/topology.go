package plan

import "fmt"

// IPCalls returns the arguments of ip(8), a call each, for the router's loopbacks. Every call may run again.
func (r Router) IPCalls() []string {
	var calls []string
	for _, p := range r.Loopbacks {
		calls = append(calls, fmt.Sprintf("addr replace %s dev lo", p))
	}
	return calls
}
