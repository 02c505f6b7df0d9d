package image

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"skidpad.dev/skidpad/lab/image/build"
)

func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen []string
		p := &progress{begun: map[string]time.Time{}, to: func(e Event) { seen = append(seen, e.What+" "+string(e.Status)+" "+e.Detail) }}
		ctx, cancel := context.WithCancel(t.Context())
		go p.follow(ctx)
		p.take(Event{What: "frr", Status: build.Present})
		time.Sleep(reportEvery + time.Second) // nothing is at work
		p.take(Event{What: "node", Status: build.Started})
		p.take(Event{What: "echo", Status: build.Started})
		p.take(Event{What: "echo", Status: build.Built})
		time.Sleep(reportEvery)
		p.take(Event{What: "node", Status: build.Built})
		time.Sleep(2 * reportEvery)
		cancel()
		synctest.Wait()
		want := []string{"frr present ", "images working " + firstTime, "node started ", "echo started ", "echo built ",
			"images working 1 done, at work on node (29s)", "node built "}
		if !slices.Equal(seen, want) {
			t.Errorf("seen %q\nwant %q", seen, want)
		}
	})
}
