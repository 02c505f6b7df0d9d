package plan

import (
	"fmt"
	"slices"
	"strings"
)

// The levers' names.
const (
	LeverObjects = "objects"
	LeverGarbage = "garbage"
	LeverControl = "control"
	LeverStart   = "start"
)

// Lever is a measure that saves time or processor time of a bring-up. The lab does the same with and without the lever.
type Lever struct{ Name, What string }

// Levers lists the levers. `skidpad up --without NAME` switches a lever off.
func Levers() []Lever {
	return []Lever{
		{LeverObjects, "Cilium's agents share compiled eBPF objects, between nodes and with earlier labs"},
		{LeverGarbage, "Go programs of the nodes collect garbage less often, and take more memory"},
		{LeverControl, "the control plane has small keys, no disk syncs of etcd, and no elections with a single member"},
		{LeverStart, "Cilium's pods have fewer init containers, and a startup probe each second"},
	}
}

// Pulls reports whether a lever is on.
func (p *Plan) Pulls(lever string) bool { return !slices.Contains(p.Without, lever) }

// Pulls reports whether a lever is on.
func (b *Builder) Pulls(lever string) bool { return b.b.Pulls(lever) }

// Garbage is the variable of LeverGarbage: a heap may grow to three times the live objects, instead of twice. With Go's
// default, garbage collection took 40 % of the API server's processor time during a bring-up.
const Garbage = "GOGC=200"

// GarbageEnv is Garbage as the environment of a container.
func GarbageEnv() []any {
	name, value, _ := strings.Cut(Garbage, "=")
	return []any{map[string]any{"name": name, "value": value}}
}

// unknownLevers returns an error that names the unknown levers of a list.
func unknownLevers(list []string) error {
	var names []string
	for _, l := range Levers() {
		names = append(names, l.Name)
	}
	for _, name := range list {
		if !slices.Contains(names, name) {
			return fmt.Errorf("seen lever %q, want one of %s", name, strings.Join(names, ", "))
		}
	}
	return nil
}
