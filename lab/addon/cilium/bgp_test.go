package cilium_test

import (
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestObjectsOfPeers compares Cilium's resources with files: passwords, families, timers, instances, announcements and pools.
func TestObjectsOfPeers(t *testing.T) {
	for _, name := range []string{"tenants", "instances"} {
		t.Run(name, func(t *testing.T) {
			s, err := scenario.Load("testdata/"+name+".yaml", lab.Kinds())
			if err != nil {
				t.Fatal(err)
			}
			p, err := plan.Make(s, "lab", plan.Host{})
			if err != nil {
				t.Fatal(err)
			}
			a := p.Addon("cilium")
			got := strings.Join(a.Manifests, "---\n")
			for _, secret := range a.Secrets {
				for key, value := range secret.Values {
					got += "---\n# Secret " + secret.Namespace + "/" + secret.Name + ": " + key + " is " + value.String() + "\n"
				}
			}
			if *update {
				if err := os.WriteFile("testdata/"+name+".golden", []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile("testdata/" + name + ".golden")
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("seen:\n%s\nwant:\n%s", got, want)
			}
			whole, err := json.Marshal(p)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(whole)+p.Text()+got, "open-sesame") {
				t.Error("the password stands in the plan")
			}
		})
	}
}
