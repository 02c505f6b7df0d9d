package report

import (
	"fmt"
	"strings"

	"skidpad.dev/skidpad/lab/check"
)

// failovers prints the checks with a fault as a table: the fault, the longest outage that the configured timers allow,
// the measured outage, the losses, and the carriers and answering pods before and after. failovers returns "" without a
// check of this kind.
func failovers(checks []check.Result) string {
	lines := []string{"VERDICT\tFAULT\tBOUND\tALLOWED\tOUTAGE\tLOST\tCARRIED BEFORE → AFTER\tANSWERED BEFORE → AFTER"}
	for _, c := range checks {
		m := c.Measured
		if m == nil || m.Fault == "" {
			continue
		}
		bound := "no timer"
		if c.Bound != nil {
			bound = c.Bound.Window()
		}
		before, after := answeredBy(c.Flows)
		lines = append(lines, strings.Join([]string{
			string(c.Verdict), faultOf(c), bound, milliseconds(m.Limit), outageOf(m), fmt.Sprintf("%d of %d", m.Lost, m.Sent),
			moved(m.Before.String(), m.After.String()), moved(before, after),
		}, "\t"))
	}
	if len(lines) == 1 {
		return ""
	}
	return aligned(lines)
}

// faultOf is the fault with the check's name, which distinguishes several checks with the same fault.
func faultOf(c check.Result) string {
	name := c.Name
	if _, own, ok := strings.Cut(name, ": "); ok { // after the kind of check
		name = own
	}
	if name == c.Measured.Fault {
		return name
	}
	return fmt.Sprintf("%s (%s)", name, c.Measured.Fault)
}

// outageOf is the worst flow's outage with its error.
func outageOf(m *check.Measured) string {
	if m.Sent == 0 {
		return "not measured"
	}
	if m.Outages == 0 {
		return "none"
	}
	text := fmt.Sprintf("%s ± %s", milliseconds(m.Outage), milliseconds(m.Uncertainty))
	if m.Outages > 1 {
		text += fmt.Sprintf(" in %d over %s", m.Outages, milliseconds(m.Span))
	}
	if m.Ongoing {
		text += ", not over"
	}
	return text
}

// answeredBy lists the pods that answered any flow, without their nodes if the pod names are enough.
func answeredBy(flows []check.FlowRow) (before, after string) {
	var b, a []string
	for _, f := range flows {
		for _, who := range f.Before {
			b = appendNew(b, nodeOf(who))
		}
		for _, who := range f.After {
			a = appendNew(a, nodeOf(who))
		}
	}
	return dash(strings.Join(b, ", ")), dash(strings.Join(a, ", "))
}

// nodeOf returns the short node name in "echo-5d9c-abcde on skidpad-lab-worker".
func nodeOf(who string) string {
	_, node, ok := strings.Cut(who, " on ")
	if !ok {
		return who
	}
	if i := strings.LastIndex(node, "control-plane"); i >= 0 {
		return node[i:]
	}
	return node[strings.LastIndex(node, "-")+1:]
}

func appendNew(list []string, s string) []string {
	for _, have := range list {
		if have == s {
			return list
		}
	}
	return append(list, s)
}

func moved(before, after string) string {
	if before == after {
		return dash(before) + " (stays)"
	}
	return dash(before) + " ⇒ " + dash(after)
}
