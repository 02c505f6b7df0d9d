package plan

// For the tests, which are outside of the package: the list of all members imports this package.
const MaxLab = maxLab

var (
	HashOf      = hashOf
	Overlapping = overlapping
	Keys        = keys
)
