package addon

// For the tests that need the list of all members, which imports this package.
var ReadDefinitions = readDefinitions

// Values returns the values of the chart.
func (a *Planned) Values() map[string]any { return a.values }

// Manifests returns the manifests with the images put in.
func (a *Planned) Manifests() []string { return a.manifests }
