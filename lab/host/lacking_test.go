package host

import (
	"slices"
	"testing"
)

func TestLacking(t *testing.T) {
	k := kernel{config: map[string]string{"IP_VS": "n", "VXLAN": "y", "NET_IPIP": "m"}, modules: map[string]bool{}}
	if got := k.lacking([]string{"IP_VS", "VXLAN", "NET_IPIP"}); !slices.Equal(got, []string{"NET_IPIP", "IP_VS"}) {
		t.Errorf("seen %v, want the option that is off and the module that is not installed", got)
	}
	if got := (kernel{}).lacking([]string{"IP_VS"}); got != nil {
		t.Errorf("a kernel that tells nothing: seen %v", got)
	}
}
