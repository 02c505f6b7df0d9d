package plan

import (
	"github.com/mitchellh/copystructure"
	"helm.sh/helm/v3/pkg/chartutil"
)

// Merge lays the values over on top of base, table by table, as in Helm. Merge changes neither map.
func Merge(base, over map[string]any) map[string]any {
	return chartutil.MergeTables(copied(over), copied(base))
}

// copied returns a deep copy, never nil.
func copied(values map[string]any) map[string]any {
	if values == nil {
		return map[string]any{}
	}
	c, err := copystructure.Copy(values)
	if err != nil {
		panic("lab bug: values cannot be copied: " + err.Error())
	}
	return c.(map[string]any)
}
