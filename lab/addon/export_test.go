package addon

// ReadDefinitions exports readDefinitions to tests with the list of all members. The list imports this package.
var ReadDefinitions = readDefinitions

// Values returns the values of the chart.
func (a *Planned) Values() map[string]any { return a.values }

// Manifests returns the manifests with the references of the images.
func (a *Planned) Manifests() []string { return a.manifests }
