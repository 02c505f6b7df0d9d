package main

import (
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"skidpad.dev/skidpad/lab/loss"
	"skidpad.dev/skidpad/lab/loss/record"
)

// row sums up the outages of one length.
type row struct {
	outages, within, explained int
	missed                     int           // not reported as one outage
	sum, worst                 time.Duration // of the errors' amounts
	uncertainty                time.Duration // the greatest reported uncertainty
}

// table compares by length.
type table struct {
	lengths []time.Duration
	rows    []row
	unknown []string // runs with a recording that proves nothing, by the prober's own report
	late    time.Duration
	stalls  int
	skipped int
}

func newTable() *table { return &table{lengths: lengths(), rows: make([]row, len(lengths()))} }

// add compares one run's report with the truth.
func (t *table) add(s loss.Summary, attempts []record.Attempt, is []truth) {
	t.unknown = append(t.unknown, s.Unknown...)
	t.stalls += len(s.Stalls)
	t.skipped += s.Skipped
	for _, a := range attempts {
		t.late = max(t.late, time.Duration(a.Late))
	}
	for i, truth := range is {
		r := &t.rows[i]
		r.outages++
		o, one := reported(s.Outages, truth)
		if !one {
			r.missed++
			continue
		}
		off := (o.Length() - time.Duration(truth.until-truth.from)).Abs()
		r.sum += off
		r.worst = max(r.worst, off)
		r.uncertainty = max(r.uncertainty, o.Uncertainty)
		switch {
		case off <= accepted:
			r.within++
		case off <= o.Uncertainty:
			r.explained++
		}
	}
}

// reported returns the only reported outage that touches the true outage.
func reported(all []loss.Outage, is truth) (found loss.Outage, one bool) {
	n := 0
	for _, o := range all {
		if o.Start <= is.until && o.End >= is.from {
			found = o
			n++
		}
	}
	return found, n == 1
}

func (t *table) print(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(tw, "OUTAGE\tRUNS\tWITHIN 5 MS\tMEAN ERROR\tWORST ERROR\tWORST REPORTED ±")
	for i, r := range t.rows {
		mean := time.Duration(0)
		if seen := r.outages - r.missed; seen > 0 {
			mean = r.sum / time.Duration(seen)
		}
		fmt.Fprintf(tw, "%s\t%d\t%d\t%s\t%s\t%s\n", t.lengths[i], r.outages, r.within, ms(mean), ms(r.worst), ms(r.uncertainty))
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\nthe machine's own jitter: the prober sent up to %s late, skipped %d slots, stood still %d times for two intervals or more\n", ms(t.late), t.skipped, t.stalls)
	return err
}

// verdict returns an error if a reported outage differs from the truth by more than accepted and by more than its own
// uncertainty, or if no outage was made.
func (t *table) verdict() error {
	var errs []error
	for i, r := range t.rows {
		if wrong := r.outages - r.within - r.explained; wrong > 0 {
			errs = append(errs, fmt.Errorf("%d of %d outages of %s were reported with an error above %s and above their own uncertainty, or not as a single outage; worst error %s",
				wrong, r.outages, t.lengths[i], accepted, ms(r.worst)))
		}
	}
	if len(t.unknown) > 0 {
		errs = append(errs, fmt.Errorf("%d runs prove nothing: %s", len(t.unknown), t.unknown[0]))
	}
	return errors.Join(errs...)
}

func ms(d time.Duration) string { return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond)) }
