package gobgp

import (
	"reflect"
	"testing"

	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/router/internal/routertest"
)

func TestAddedMappingsAreMerged(t *testing.T) {
	r := routertest.Speaker()
	r.Native = &plan.Native{Added: []plan.Snippet{
		{Text: "global: {apply-policy: {config: {import-policy-list: [x]}}}\nneighbors: [{config: {neighbor-address: 192.0.2.9}}]\n"},
		{Text: "# nothing\n"},
		{Text: "zebra: {config: {enabled: false}}"},
	}}
	text, err := Render(r)
	if err != nil {
		t.Fatal(err)
	}
	tree, err := mappingOf(text)
	if err != nil {
		t.Fatal(err)
	}
	global := tree["global"].(map[string]any)
	if got := global["config"].(map[string]any)["as"]; got != 64513 {
		t.Errorf("AS: seen %v, wanted the rendered 64513", got)
	}
	if got := global["apply-policy"]; !reflect.DeepEqual(got, map[string]any{"config": map[string]any{"import-policy-list": []any{"x"}}}) {
		t.Errorf("policy: seen %v", got)
	}
	if n := tree["neighbors"].([]any); len(n) != 2 {
		t.Errorf("neighbors: seen %v, wanted r2 and the added", n)
	}
	z := tree["zebra"].(map[string]any)["config"].(map[string]any)
	if z["enabled"] != false || z["version"] != 6 {
		t.Errorf("zebra: seen %v, wanted the rendered one, not enabled", z)
	}
}

func TestTheFormOfANativeFile(t *testing.T) {
	for name, want := range map[string]string{"a/g1.toml": "toml", "g1.yml": "yaml", "g1.json": "json", "spec.routers[0].native": "yaml"} {
		if got := formOf(plan.Router{Native: &plan.Native{Whole: &plan.Snippet{Of: name}}}); got != want {
			t.Errorf("%s: seen %s, wanted %s", name, got, want)
		}
	}
}
