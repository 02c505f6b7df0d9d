package probe

import (
	"slices"
	"testing"
)

func TestAnswerers(t *testing.T) {
	for out, want := range map[string][]string{
		"":                                       nil,
		"02:42:ac:1e:00:40\n02:42:AC:1E:00:40\n": {"02:42:ac:1e:00:40"},
		"02:42:ac:1e:00:40\n02:42:ac:1e:00:41\n": {"02:42:ac:1e:00:40", "02:42:ac:1e:00:41"},
		"arping: libnet_init(LIBNET_LINK): UDP\n02:42:ac:1e:00:40 extra\n": nil,
	} {
		if got := answerers(out); !slices.Equal(got, want) {
			t.Errorf("%q: seen %v, want %v", out, got, want)
		}
	}
}
