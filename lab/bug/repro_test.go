package bug

import (
	"strings"
	"testing"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/scenario"
	"skidpad.dev/skidpad/lab/signal"
)

func TestJudge(t *testing.T) {
	column := func(half string, o Outcome) Column { return Column{Half: half, What: half, Outcome: o, Why: "why"} }
	tests := []struct {
		name    string
		columns []Column
		want    Verdict
		code    int
	}{
		{"broken fails, fixed holds", []Column{column("broken", Wrong), column("fixed", Right)}, Reproduced, 0},
		{"broken holds", []Column{column("broken", Right), column("fixed", Right)}, NotReproduced, 4},
		{"broken holds, fixed fails", []Column{column("broken", Right), column("fixed", Wrong)}, NotReproduced, 4},
		{"a fix that fixes nothing (negative control)", []Column{column("broken", Wrong), column("fixed", Wrong)}, StillBroken, 1},
		{"no fix is known", []Column{column("broken", Wrong)}, StillBroken, 1},
		{"the broken half was not to be had", []Column{column("broken", Skipped), column("fixed", Right)}, Undecided, 4},
		{"the fixed half could not be observed", []Column{column("broken", Wrong), column("fixed", Unknown)}, Undecided, 4},
		{"nothing was run", nil, Undecided, 4},
		{"a patch that does not hold", []Column{column("broken", Wrong), column("fixed", Right), column("patched", Wrong)}, Reproduced, 1},
		{"a patch of which nothing is known", []Column{column("broken", Wrong), column("fixed", Right), column("patched", Unknown)}, Reproduced, 4},
		{"a version tried besides says nothing of the verdict", []Column{column("broken", Wrong), column("fixed", Right), column("tried", Wrong)}, Reproduced, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, why := judge(tt.columns)
			if got != tt.want || why == "" {
				t.Errorf("seen %q (%s), want %q", got, why, tt.want)
			}
			if code := (&Report{Verdict: got, Columns: tt.columns}).ExitCode(); code != tt.code {
				t.Errorf("exit code: seen %d, want %d", code, tt.code)
			}
		})
	}
}

func TestTheVerdictNamesTheTries(t *testing.T) {
	column := func(half string, o Outcome, tries int) Column {
		return Column{Half: half, What: half, Outcome: o, Tries: tries, Times: 20}
	}
	for want, columns := range map[string][]Column{
		"broken failed as described at try 3 of 20, fixed held in 20 tries":           {column("broken", Wrong, 3), column("fixed", Right, 20)},
		"broken failed as described at try 3 of 20, fixed failed, too at try 1 of 20": {column("broken", Wrong, 3), column("fixed", Wrong, 1)},
		"broken held in 20 tries": {column("broken", Right, 20), column("fixed", Right, 20)},
		"broken failed as described at try 2 of 20, and no fix is known": {column("broken", Wrong, 2)},
		"broken failed as described, fixed held":                         {{Half: "broken", What: "broken", Outcome: Wrong}, {Half: "fixed", What: "fixed", Outcome: Right}},
	} {
		if _, why := judge(columns); why != want {
			t.Errorf("seen %q, want %q", why, want)
		}
	}
}

func TestOutcomeOf(t *testing.T) {
	tests := []struct {
		name string
		all  []Observed
		want Outcome
	}{
		{"all right", []Observed{{Outcome: Right}, {Outcome: Right}}, Right},
		{"one wrong", []Observed{{Outcome: Right}, {Outcome: Wrong}}, Wrong},
		{"wrong counts beside unknown", []Observed{{Outcome: Unknown}, {Outcome: Wrong}}, Wrong},
		{"neither right nor wrong", []Observed{{Outcome: Right}, {Outcome: Unknown}}, Unknown},
		{"a control that fails, after something wrong", []Observed{{Outcome: Wrong}, {Outcome: Wrong, Control: true}}, Unknown},
		{"a control that holds says nothing more", []Observed{{Outcome: Right, Control: true}, {Outcome: Wrong}}, Wrong},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, why := outcomeOf(tt.all); got != tt.want || (got == Unknown) != (why != "") {
				t.Errorf("seen %s (%q), want %s", got, why, tt.want)
			}
		})
	}
}

func TestWhatIsNeitherIsUnknown(t *testing.T) {
	none, some := 0, 4
	o := scenario.Observation{Right: scenario.Condition{Min: &some}, Wrong: &scenario.Condition{Max: &none}}
	for n, want := range map[float64]Outcome{5: Right, 4: Right, 2: Unknown, 0: Wrong} {
		if got, _ := outcome(o, signal.Number(n, ""), nil); got != want {
			t.Errorf("%g: seen %s, want %s", n, got, want)
		}
	}
	o.Wrong = nil
	if got, _ := outcome(o, signal.Number(2, ""), nil); got != Wrong {
		t.Errorf("without a description of wrong: seen %s, want wrong", got)
	}
}

func TestBisect(t *testing.T) {
	versions := []string{"1.18.0", "1.18.1", "1.18.2", "1.18.3", "1.18.4", "1.19.0"}
	tests := []struct {
		name    string
		tell    string // one letter for each version: r right, w wrong, s skipped
		good    string
		bad     string
		between int
		fails   bool
	}{
		{name: "the first bad one in the middle", tell: "rrwwww", good: "1.18.1", bad: "1.18.2"},
		{name: "next to the good end", tell: "rwwwww", good: "1.18.0", bad: "1.18.1"},
		{name: "next to the bad end", tell: "rrrrrw", good: "1.18.4", bad: "1.19.0"},
		{name: "one that cannot be had lies between", tell: "rrswww", good: "1.18.1", bad: "1.18.3", between: 1},
		{name: "none between can be had", tell: "rssssw", good: "1.18.0", bad: "1.19.0", between: 4},
		{name: "the good end is bad", tell: "wwwwww", fails: true},
		{name: "the bad end is good", tell: "rrrrrr", fails: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			times := map[string]int{}
			b, err := Bisect(versions, func(v string) (Outcome, string) {
				times[v]++
				for i, name := range versions {
					if name == v {
						return map[byte]Outcome{'r': Right, 'w': Wrong, 's': Skipped}[tt.tell[i]], ""
					}
				}
				return Unknown, ""
			})
			if (err != nil) != tt.fails {
				t.Fatalf("seen error %v, want one: %v", err, tt.fails)
			}
			for v, n := range times {
				if n > 1 {
					t.Errorf("%s was tried %d times", v, n)
				}
			}
			if !tt.fails && (b.Good != tt.good || b.Bad != tt.bad || len(b.Between) != tt.between) {
				t.Errorf("seen good %s, bad %s, between %v; want %s, %s and %d", b.Good, b.Bad, b.Between, tt.good, tt.bad, tt.between)
			}
		})
	}
}

func TestBetween(t *testing.T) {
	all := []string{"v1.9.0", "v1.18.0-rc.1", "v1.18.0", "v1.18.10", "v1.18.2", "v1.18.1", "v1.19.0"}
	if got := strings.Join(Between(all, "1.18.0", "1.18.10"), " "); got != "1.18.0 1.18.1 1.18.2 1.18.3 1.18.4 1.18.5 1.18.6 1.18.7 1.18.8 1.18.9 1.18.10" {
		t.Errorf("seen %s", got)
	}
	if got := strings.Join(Between(all, "1.18.2", "1.18.0"), " "); got != "1.18.2 1.18.1 1.18.0" {
		t.Errorf("a fix is searched backwards: seen %s", got)
	}
	if got := strings.Join(Between(nil, "1.18.0", "2.0.3"), " "); got != "1.18.0 2.0.3" {
		t.Errorf("the ends are always there: seen %s", got)
	}
	if got := strings.Join(Between(nil, "3.25.1", "3.27.2"), " "); got != "3.25.1 3.26.0 3.27.0 3.27.1 3.27.2" {
		t.Errorf("first releases of the series between are taken to be there: seen %s", got)
	}
	if got := strings.Join(Between(all, "1.18.0-rc.1", "1.18.2"), " "); got != "1.18.0-rc.1 1.18.2" {
		t.Errorf("an end that is no release: %s", got)
	}
	if got := strings.Join(Between([]string{"v1.18.2"}, "1.18.3", "1.18.0"), " "); got != "1.18.3 1.18.2 1.18.1 1.18.0" {
		t.Errorf("what a mirror does not list may be there: seen %s", got)
	}
}

func TestSkeletonIsABug(t *testing.T) {
	dir := t.TempDir()
	files, err := Skeleton(dir, "frr-1234")
	if err != nil {
		t.Fatal(err)
	}
	s, err := scenario.Load(files[0], lab.Kinds())
	if err != nil {
		t.Fatal(err)
	}
	if s.Bug == nil || s.Metadata.Name != "frr-1234" {
		t.Errorf("seen name %s, bug %v", s.Metadata.Name, s.Bug)
	}
	if _, err := Skeleton(dir, "frr-1234"); err == nil {
		t.Error("a second skeleton of the same name: seen no error")
	}
	if _, err := Skeleton(dir, "Not A Name"); err == nil {
		t.Error("a name that is none: seen no error")
	}
}

func TestText(t *testing.T) {
	r := &Report{ID: "x-1", Title: "title", Link: "https://example.org", Verdict: Reproduced, Why: "because", Page: "reports/x/report.html", Columns: []Column{
		{Half: "broken", What: "1.0", Outcome: Wrong, Observed: []Observed{{Name: "signal", Want: "at most 0", Seen: "3", Outcome: Wrong}}},
		{Half: "fixed", What: "1.1", Outcome: Right, Observed: []Observed{{Name: "signal", Want: "at most 0", Seen: "0", Outcome: Right}}},
	}}
	for _, want := range []string{"BROKEN: 1.0", "FIXED: 1.1", "wrong: 3", "right: 0", "verdict: reproduced: because", "reports/x/report.html"} {
		if !strings.Contains(r.Text(), want) {
			t.Errorf("seen no %q in:\n%s", want, r.Text())
		}
	}
}

func TestLongCellsAreWrapped(t *testing.T) {
	long := strings.Repeat("s1=198.51.100.1, ", 9) + "s9=none"
	r := &Report{Columns: []Column{
		{Half: "broken", What: "1.0", Outcome: Wrong, Observed: []Observed{{Name: "addresses", Want: long, Seen: long, Outcome: Wrong}}},
		{Half: "fixed", What: "1.1", Outcome: Right, Observed: []Observed{{Name: "addresses", Want: long, Seen: "none", Outcome: Right}}},
	}}
	text := r.Text()
	for line := range strings.Lines(text) {
		if len(line) > 160 {
			t.Errorf("a line of %d characters in:\n%s", len(line), text)
		}
	}
	if got := strings.Count(text, "s9=none"); got != 2 {
		t.Errorf("the end of a long cell is there %d times, want 2, in:\n%s", got, text)
	}
}
