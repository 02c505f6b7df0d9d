package host

import "slices"

// Lacking returns the given kernel options (without CONFIG_) that the running kernel does not have. Options in
// an unknown state are not included.
func Lacking(names ...string) []string {
	if len(names) == 0 {
		return nil
	}
	return readKernel("/").lacking(names)
}

func (k kernel) lacking(names []string) []string {
	var missing []string
	for _, o := range options() {
		if slices.Contains(names, o.name) && k.has(o) == absent {
			missing = append(missing, o.name)
		}
	}
	return missing
}
