package bound

import "time"

// Bond is the bound of a bond that loses one of several links: the carrier falls at both ends, and each end sees it at the next
// look. Without a delay (downdelay), the bond then sends by the other links.
func Bond(miimon time.Duration) Bound {
	return Bound{
		Max:     miimon,
		Formula: "miimon = " + short(miimon),
		Source:  "Linux, Documentation/networking/bonding.rst, miimon",
		Terms:   []Term{{"miimon", short(miimon)}},
	}
}
