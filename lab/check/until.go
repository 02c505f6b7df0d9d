package check

import (
	"context"
	"errors"
	"fmt"
	"time"

	"skidpad.dev/skidpad/lab/wait"
)

const (
	// pollEvery is the pause between two looks.
	pollEvery = 150 * time.Millisecond
	// lookMax limits a look, to find a command that hangs.
	lookMax = 30 * time.Second
)

// until looks again and again until all results hold or the deadline has passed; then the last look counts. A look begins before
// the deadline and may end later. Results that hold stay; look gets the indices of the others, and sets their verdicts.
func until(ctx context.Context, within time.Duration, results []Result, look func(ctx context.Context, open []int)) {
	began := time.Now()
	err := wait.Until(ctx, wait.For{What: "all hold", Within: max(within, 1), Every: pollEvery, Each: lookMax}, func(ctx context.Context) (pending error) {
		var open []int
		for i := range results {
			if results[i].Verdict != Held {
				open = append(open, i)
			}
		}
		look(ctx, open)
		for _, i := range open {
			results[i].Duration = time.Since(began)
			if results[i].Verdict != Held && results[i].Verdict != Skipped {
				pending = errors.New(results[i].Observed)
			}
		}
		return pending
	})
	switch {
	case err == nil:
	case ctx.Err() != nil:
		interrupted(results, ctx.Err())
	default:
		overdue(results, within)
	}
}

func overdue(results []Result, within time.Duration) {
	for i, r := range results {
		if r.Verdict != Held {
			results[i].Observed = fmt.Sprintf("not within %v: %s", within, r.Observed)
		}
	}
}

// interrupted marks results without a verdict as Unknown because ctx ended: the check had too little time to fail.
func interrupted(results []Result, err error) {
	for i, r := range results {
		if r.Verdict != Held {
			results[i].Verdict = Unknown
			results[i].Observed = fmt.Sprintf("stopped (%v) before its deadline; last seen: %s", err, r.Observed)
		}
	}
}

// cannotLook marks some results as Unknown because a look at the lab gave an error.
func cannotLook(results []Result, open []int, err error) {
	for _, i := range open {
		results[i].Verdict = Unknown
		results[i].Observed = "the lab could not be looked at: " + err.Error()
	}
}

// outcome sets a result's verdict from what was judged.
func (r *Result) outcome(held bool, observed string) {
	r.Verdict, r.Observed = Failed, observed
	if held {
		r.Verdict = Held
	}
}
