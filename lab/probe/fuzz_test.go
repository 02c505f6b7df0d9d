package probe

import "testing"

// FuzzParseRef reads any text as a target, and holds that a target is written as it was read.
func FuzzParseRef(f *testing.F) {
	for _, s := range []string{"pod/echo", "nodePort/echo@worker", "192.0.2.1:80", "[2001:db8::1%eth0]:80", "client/c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ref, err := ParseRef(s)
		if err != nil {
			return
		}
		if again, err := ParseRef(ref.String()); err != nil || again != ref {
			t.Errorf("%q is %+v, and its spelling %q is %+v, %v", s, ref, ref.String(), again, err)
		}
	})
}
