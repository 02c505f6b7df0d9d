package addon

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

// TestSecretsOfThePlan checks that a Secret has the password, and that a plan from a lab's record, which has no password, leaves
// the cluster's Secret alone.
func TestSecretsOfThePlan(t *testing.T) {
	object := plan.SecretObject{Namespace: "kube-system", Name: "skidpad-r1", Values: map[string]scenario.Secret{"password": "open-sesame"}}
	p := Planned{plan: plan.Addon{Secrets: []plan.SecretObject{object}}}
	all := p.secrets()
	if len(all) != 1 || all[0].(*corev1.Secret).StringData["password"] != "open-sesame" {
		t.Errorf("seen %v, want the password", all)
	}
	text, err := json.Marshal(object)
	if err != nil || strings.Contains(string(text), "open-sesame") {
		t.Fatalf("the record has the password: %s %v", text, err)
	}
	var recorded plan.SecretObject
	if err := json.Unmarshal(text, &recorded); err != nil {
		t.Fatal(err)
	}
	p.plan.Secrets[0] = recorded
	if all := p.secrets(); len(all) != 0 {
		t.Errorf("seen %v of a record, want no Secret", all)
	}
}

// TestDefinitionsFitTheirBounds checks that no definition has a bound outside of the format's range: MetalLB's AS numbers.
func TestDefinitionsFitTheirBounds(t *testing.T) {
	file := filepath.Join(t.TempDir(), "crd.yaml")
	const text = `---
metadata: {name: peers.example.org}
spec:
  versions:
    - name: v1
      schema:
        openAPIV3Schema:
          properties:
            asn: {type: integer, format: int32, maximum: 4294967295}
            port: {type: integer, format: int32, maximum: 65535}
            peers: {type: array, items: {properties: {asn: {type: integer, format: int32, maximum: 4294967295}}}}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	crds, err := readCRDs(file)
	if err != nil {
		t.Fatal(err)
	}
	p := crds[0].Spec.Versions[0].Schema.OpenAPIV3Schema.Properties
	if got := []string{p["asn"].Format, p["port"].Format, p["peers"].Items.Schema.Properties["asn"].Format}; !slices.Equal(got, []string{"int64", "int32", "int64"}) {
		t.Errorf("seen formats %v, want int64 where the bound needs it", got)
	}
}
