package scenario

import (
	"cmp"
	"fmt"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
)

// field is the content of the struct tags of a scenario field. The jsonschema tag is the only source of bounds and
// enumerations: the schema is generated from the tag, and the decoder enforces the tag.
type field struct {
	index    []int
	name     string
	required bool
	rule     rule
}

// rule bounds a scalar. The zero rule allows everything.
type rule struct {
	enum     []string
	example  string // the first example; the family of an example address is the wanted family
	v4, v6   string // of addresses and prefixes: an example of each accepted family
	min, max int64
	bounded  bool
	above    bool // min itself is out of bounds
}

// fieldsOf returns the fields of a struct type in order of declaration, with the fields of embedded structs.
func fieldsOf(t reflect.Type) []field {
	fields := make([]field, 0, t.NumField())
	for i := range t.NumField() {
		f := t.Field(i)
		switch {
		case f.Anonymous && f.Type.Kind() == reflect.Struct:
			for _, inner := range fieldsOf(f.Type) {
				inner.index = append([]int{i}, inner.index...)
				fields = append(fields, inner)
			}
			continue
		case !f.IsExported():
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		fields = append(fields, field{
			index:    []int{i},
			name:     name,
			required: !strings.Contains(options, "omitempty"),
			rule:     parseRule(f.Tag.Get("jsonschema")),
		})
	}
	return fields
}

func parseRule(tag string) rule {
	var r rule
	for part := range strings.SplitSeq(tag, ",") {
		key, value, _ := strings.Cut(part, "=")
		switch key {
		case "enum":
			r.enum = append(r.enum, value)
		case "example":
			r.example = cmp.Or(r.example, value)
			if strings.Contains(value, ":") {
				r.v6 = cmp.Or(r.v6, value)
			} else {
				r.v4 = cmp.Or(r.v4, value)
			}
		case "minimum":
			r.min, _ = strconv.ParseInt(value, 10, 64)
			r.bounded = true
		case "exclusiveMinimum":
			r.min, _ = strconv.ParseInt(value, 10, 64)
			r.bounded, r.above = true, true
		case "maximum":
			r.max, _ = strconv.ParseInt(value, 10, 64)
			r.bounded = true
		}
	}
	return r
}

// takes reports whether the field accepts the family of an address: a family with an example or, without examples, IPv4.
func (r rule) takes(a netip.Addr) bool {
	switch {
	case a.Is4():
		return r.v4 != "" || r.v6 == ""
	case a.Is4In6() || a.Zone() != "":
		return false
	}
	return a.Is6() && r.v6 != ""
}

// family describes the wanted address or prefix, with an example.
func (r rule) family(noun, example string) string {
	switch {
	case r.v4 != "" && r.v6 != "":
		return fmt.Sprintf("an IPv4 or IPv6 %s such as %s or %s", noun, r.v4, r.v6)
	case r.v6 != "":
		return fmt.Sprintf("an IPv6 %s such as %s", noun, r.v6)
	}
	return fmt.Sprintf("an IPv4 %s such as %s", noun, cmp.Or(r.v4, example))
}

// EnumOf returns the values that a named string type may have, or nil.
func EnumOf(t reflect.Type) []string {
	switch t {
	case reflect.TypeFor[Provider]():
		return []string{string(ProviderKind), string(ProviderK3s), string(ProviderExisting)}
	case reflect.TypeFor[KubeProxy]():
		return []string{string(KubeProxyNone), string(KubeProxyIPTables), string(KubeProxyIPVS), string(KubeProxyNFTables)}
	case reflect.TypeFor[IPFamily]():
		return []string{string(IPv4Family), string(IPv6Family), string(DualFamily)}
	case reflect.TypeFor[Balancer]():
		return []string{string(HAProxy), string(Nginx)}
	case reflect.TypeFor[Advertisement]():
		return []string{string(AdvertisePodCIDR), string(AdvertiseClusterIP), string(AdvertiseExternalIP), string(AdvertiseLoadBalancer), string(AdvertisePodPool)}
	case reflect.TypeFor[Target]():
		return []string{string(TargetPod), string(TargetClusterIP), string(TargetExternalIP), string(TargetLoadBalancer), string(TargetNodePort), string(TargetClient)}
	}
	return nil
}
