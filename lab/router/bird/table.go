package bird

import (
	"fmt"
	"strings"

	"skidpad.dev/skidpad/lab/scenario"
)

// tablePath is the file of a generated table, which bird.conf includes. The file is not in the plan, since the plan of a
// million routes would not fit into a label.
const tablePath = "/etc/bird/table.conf"

// table returns the routes of a generated table. BIRD's static protocol does not drop packets here: the protocol's routes do
// not go into the kernel.
func table(t *scenario.Table) []byte {
	var b strings.Builder
	for prefix, asn := range t.Prefixes() {
		fmt.Fprintf(&b, "route %s blackhole { bgp_path.prepend(%d); };\n", prefix, asn)
	}
	return []byte(b.String())
}
