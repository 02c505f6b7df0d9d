package native

import (
	"testing"

	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

func TestJoinAndExplain(t *testing.T) {
	render := func(plan.Router) (string, error) { return "one\ntwo\nend\n", nil }
	inline := plan.Snippet{Text: "three\nfour", Of: "spec.routers[0].config", Origin: scenario.Origin{File: "lab.yaml", Line: 20}}
	beside := plan.Snippet{Text: "five\n", Of: "r1.conf", Origin: scenario.Origin{File: "x/r1.conf", Line: 1}}
	recorded := plan.Snippet{Text: "five\nsix\n", Of: "r1.conf"} // from the label of a lab
	for name, tt := range map[string]struct {
		n               *plan.Native
		config          string
		said, explained string
	}{
		"none":           {nil, "one\ntwo\nend\n", "line 2: no", "line 2: no"},
		"added":          {&plan.Native{Added: []plan.Snippet{inline, beside}}, "one\ntwo\nthree\nfour\nfive\nend\n", "line 4: no", "lab.yaml:21: line 4: no"},
		"second":         {&plan.Native{Added: []plan.Snippet{inline, beside}}, "one\ntwo\nthree\nfour\nfive\nend\n", "well\nline 5: no", "well\nx/r1.conf:1: line 5: no"},
		"whole":          {&plan.Native{Whole: &beside}, "five\n", "bird: /etc/bird/bird.conf.new:1:33 syntax", "x/r1.conf:1: bird: /etc/bird/bird.conf.new:1:33 syntax"},
		"recorded":       {&plan.Native{Whole: &recorded}, "five\nsix\n", "line 2: no", "r1.conf, line 2: line 2: no"},
		"rendered line":  {&plan.Native{Added: []plan.Snippet{beside}}, "one\ntwo\nfive\nend\n", "line 1: no", "x/r1.conf:1: line 1: no"},
		"without a line": {&plan.Native{Added: []plan.Snippet{inline, beside}}, "one\ntwo\nthree\nfour\nfive\nend\n", "no", "lab.yaml:20, x/r1.conf:1: no"},
	} {
		config, err := Join(plan.Router{Native: tt.n}, "end\n", render)
		if err != nil || config != tt.config {
			t.Errorf("%s: seen %q, %v, wanted %q", name, config, err, tt.config)
		}
		if got := Explain(tt.n, config, tt.said); got != tt.explained {
			t.Errorf("%s: seen %q, wanted %q", name, got, tt.explained)
		}
	}
}
