package report

import (
	"cmp"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"text/tabwriter"
	"time"

	"skidpad.dev/skidpad/lab/check"
	"skidpad.dev/skidpad/lab/plain"
)

// Text writes a line for each check. A check that does not hold has its expectation and the wrong details below; with
// all set, every check has all its details: answering pods, sessions, routes.
func Text(w io.Writer, runs []Run, all bool) error {
	var out strings.Builder
	for i, r := range runs {
		if i > 0 {
			out.WriteByte('\n')
		}
		out.WriteString(heading(r) + "\n")
		for _, note := range r.Notes {
			out.WriteString("note     " + note + "\n")
		}
		width := 0
		for _, c := range r.Checks {
			width = max(width, len(c.Name))
		}
		for _, c := range r.Checks {
			out.WriteString(Line(c, width) + "\n")
			if c.Verdict == check.Failed || c.Verdict == check.Unknown {
				fmt.Fprintf(&out, "         expected: %s\n", c.Expected)
			}
			out.WriteString(indent(details(c, all)))
		}
		if table := failovers(r.Checks); table != "" {
			out.WriteString("\n" + table)
		}
	}
	_, err := io.WriteString(w, plain.Text(out.String()))
	return err
}

// Line formats a check as a line, with the name padded to width, for display while checks run.
func Line(c check.Result, width int) string {
	return fmt.Sprintf("%-7s  %-*s  %7s  %s", c.Verdict, width, c.Name, short(c.Duration), c.Observed)
}

func heading(r Run) string {
	if r.Skipped != "" {
		return r.Scenario + ": skipped: " + r.Skipped
	}
	var parts []string
	for _, v := range []check.Verdict{check.Held, check.Failed, check.Unknown, check.Skipped} {
		if n := r.count(v); n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, v))
		}
	}
	if len(parts) == 0 {
		parts = []string{"no checks, so nothing is known"}
	}
	return fmt.Sprintf("%s: %s, in %s", cmp.Or(r.Scenario, "checks"), strings.Join(parts, ", "), short(r.Duration))
}

// details formats a check's rows as a table: all rows, or only the wrong rows.
func details(c check.Result, all bool) string {
	var lines []string
	row := func(wrong bool, heading string, cells ...string) {
		if !wrong && !all {
			return
		}
		if len(lines) == 0 {
			lines = append(lines, heading)
		}
		lines = append(lines, strings.Join(cells, "\t"))
	}
	for _, a := range c.Addresses {
		row(a.Error != "", "ADDRESS\tOF\tANSWERED\tBY\tSOURCE SEEN\tLATENCY\tERROR",
			a.At.String(), dash(a.Of), fmt.Sprintf("%d/%d", a.Answered, a.Wanted), dash(by(a)), dash(sources(a)), latency(a.Latency), dash(a.Error))
	}
	for _, s := range c.Sessions {
		peer := "-"
		if s.Peer.IsValid() {
			peer = s.Peer.String()
		}
		row(s.Error != "", "ROUTER\tPEER\tNAME\tASN\tSTATE\tUP\tRECEIVED\tSENT\tERROR",
			s.Router, peer, s.Name, fmt.Sprint(s.ASN), s.State.String(), s.Uptime.Round(time.Second).String(),
			fmt.Sprint(s.PrefixesReceived), fmt.Sprint(s.PrefixesSent), dash(s.Error))
	}
	for _, r := range c.Routes {
		prefix := "-"
		if r.Prefix.IsValid() {
			prefix = r.Prefix.String()
		}
		row(r.Error != "", "ROUTER\tPREFIX\tOF\tRIB\tFIB\tERROR", r.Router, prefix, dash(r.Of), addresses(r.RIB), addresses(r.FIB), dash(r.Error))
	}
	return aligned(lines)
}

// aligned aligns lines of cells, separated by tabs, in columns.
func aligned(lines []string) string {
	var out strings.Builder
	table := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	for _, line := range lines {
		_, _ = io.WriteString(table, line+"\n") // a builder accepts all writes
	}
	_ = table.Flush()
	return out.String()
}

func by(a check.AddressRow) string {
	var texts []string
	for _, who := range a.By {
		texts = append(texts, fmt.Sprintf("%s on %s (%d)", who.Pod, who.Node, who.Times))
	}
	return strings.Join(texts, ", ")
}

func sources(a check.AddressRow) string {
	var texts []string
	seen := map[string]bool{}
	for _, who := range a.By {
		if !seen[who.Source] {
			seen[who.Source] = true
			texts = append(texts, who.Source)
		}
	}
	return strings.Join(texts, ", ")
}

func addresses(list []netip.Addr) string {
	var texts []string
	for _, a := range list {
		texts = append(texts, a.String())
	}
	return dash(strings.Join(texts, ", "))
}

// latency is the slowest answer's, or "" without an answer.
func latency(d time.Duration) string {
	if d == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}

// indent puts a table under its check.
func indent(table string) string {
	if table == "" {
		return ""
	}
	return "         " + strings.ReplaceAll(strings.TrimSuffix(table, "\n"), "\n", "\n         ") + "\n"
}

func dash(s string) string { return cmp.Or(s, "-") }

func short(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
