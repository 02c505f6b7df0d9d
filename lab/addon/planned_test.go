package addon

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

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
