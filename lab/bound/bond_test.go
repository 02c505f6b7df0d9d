package bound

import (
	"testing"
	"time"
)

func TestBond(t *testing.T) {
	if got := Bond(100 * time.Millisecond); got.Min != 0 || got.Max != 100*time.Millisecond || got.String() != "up to 100ms (miimon = 100ms)" {
		t.Errorf("seen %s", got)
	}
}
