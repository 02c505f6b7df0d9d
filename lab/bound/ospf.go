package bound

import (
	"fmt"
	"time"
)

// OSPFDead bounds the time for which an OSPF router keeps the routes via a silent neighbour. The inactivity timer restarts with
// each Hello, and the last Hello was sent up to one interval before the failure. The new routes then need a calculation
// within spf.
func OSPFDead(dead, hello, spf time.Duration) Bound {
	return ospf(Bound{
		Min: max(0, dead-hello), Max: dead, Formula: "dead interval " + dead.String(), Source: "RFC 2328, 9.5 and 10.3",
		Terms: []Term{{"dead interval", dead.String()}, {"Hello interval", hello.String()}},
	}, spf)
}

// OSPFBFD is OSPFDead with BFD between the neighbours.
func OSPFBFD(bfd Bound, spf time.Duration) Bound {
	bfd.Source += "; RFC 5882, 4.4"
	return ospf(bfd, spf)
}

// ospf adds the time of the calculation of routes.
func ospf(b Bound, spf time.Duration) Bound {
	b.Max += spf
	b.Formula = fmt.Sprintf("%s + route calculation %s = %s", b.Formula, spf, short(b.Max))
	b.Terms = append(b.Terms, Term{"route calculation", spf.String()})
	return b
}
