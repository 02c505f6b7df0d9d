package plan

// MaxLab serves the tests. The tests stand outside the package, because the list of all members imports this package.
const MaxLab = maxLab

var (
	HashOf      = hashOf
	Overlapping = overlapping
	Keys        = keys
)
