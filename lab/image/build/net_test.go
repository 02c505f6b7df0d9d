package build

import "testing"

func TestUpstreamVersion(t *testing.T) {
	for _, tt := range []struct{ debian, want string }{
		{"8.4.4-1.1~deb12u1", "8.4.4"}, {"10.3-3+deb13u1", "10.3"}, {"10.7.1-6", "10.7.1"}, {"1:2.3.3-1", "2.3.3"}, {"10.7.1", "10.7.1"},
	} {
		if got := upstream(tt.debian); got != tt.want {
			t.Errorf("%s is upstream's %s, want %s", tt.debian, got, tt.want)
		}
	}
}
