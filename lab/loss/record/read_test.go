package record

import (
	"encoding/json"
	"strings"
	"testing"
)

const (
	first   = `{"start":{"clock":{"mono":1000,"wall":"2026-11-20T10:00:00Z"},"flows":[{"flow":0,"target":"192.0.2.1:80","proto":"udp","interval":1000000,"timeout":500000000,"slots":2,"first":2000}],"scheduler":"other"}}` + "\n"
	attempt = `{"attempt":{"flow":0,"seq":0,"sent":2000,"late":0,"answered":3000,"answer":{"pod":"a"}}}` + "\n"
	last    = `{"end":{"clock":{"mono":9000,"wall":"2026-11-20T10:00:01Z"},"reason":"done","flows":[{"flow":0,"sent":1,"skipped":0}]}}` + "\n"
)

func TestRead(t *testing.T) {
	rec, err := Read(strings.NewReader(first + attempt + last))
	if err != nil {
		t.Fatal(err)
	}
	if len(rec.Of(0)) != 1 || rec.Of(0)[0].Answer.Pod != "a" || rec.FlowEnd(0) == nil || rec.FlowEnd(0).Sent != 1 {
		t.Errorf("read %+v", rec)
	}
	if due := rec.Start.Flows[0].Due(2); due != 2002000 {
		t.Errorf("slot 2 is due at %d, wanted 2002000", due)
	}
	if at := rec.Start.Clock.At(2000).Nanosecond(); at != 1000 {
		t.Errorf("1 µs after the clock's pair is %d ns after the second", at)
	}
}

func TestReadCut(t *testing.T) {
	whole := first + attempt + last
	for cut := len(first); cut < len(whole); cut++ {
		rec, err := Read(strings.NewReader(whole[:cut]))
		if err != nil {
			t.Fatalf("cut after %d bytes: %v", cut, err)
		}
		if rec.End != nil || rec.FlowEnd(0) != nil {
			t.Fatalf("cut after %d of %d bytes, it has an end", cut, len(whole))
		}
	}
}

func TestReadRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":            "",
		"a cut first line":   first[:20],
		"no first line":      attempt + last,
		"a shell's words":    "sh: skidpad-probe: not found\n",
		"words in the midst": first + "panic\n" + last,
		"two first lines":    first + first,
		"lines after an end": first + last + attempt,
		"an empty record":    first + "{}\n",
	} {
		if rec, err := Read(strings.NewReader(text)); err == nil {
			t.Errorf("%s: read %+v, wanted an error", name, rec)
		}
	}
}

// What the prober writes by hand is what encoding/json would write.
func TestAppend(t *testing.T) {
	for _, a := range []Attempt{
		{},
		{Flow: 3, Seq: 12, Sent: 1 << 60, Late: -5, Answered: 7, Answer: &Answer{Pod: "a", Node: "worker", Client: "192.0.2.1:1"}},
		{Seq: 1, Error: `send: "no" <route>`, Again: true},
	} {
		want, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		var answer []byte
		if a.Answer != nil {
			if answer, err = json.Marshal(a.Answer); err != nil {
				t.Fatal(err)
			}
		}
		if got := string(a.Append(nil, answer)); got != string(want) {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}
