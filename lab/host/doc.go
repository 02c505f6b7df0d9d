// Package host manages the machine that labs run on: the engine (found, installed, started, and adapted to a
// host that cannot grant every capability), the facts for the plan, the few settings that labs need changed,
// and the doctor, with one report on all of these.
//
// Package host tests for needs of unusual hosts and never assumes such needs: on an ordinary host with a
// running engine, the package changes nothing.
package host
