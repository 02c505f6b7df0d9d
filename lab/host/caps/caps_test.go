package caps

import "testing"

func TestBounding(t *testing.T) {
	const status = "Name:\tbash\nCapInh:\t0000000000000000\nCapPrm:\t000001fffeffffff\nCapEff:\t000001fffeffffff\nCapBnd:\t000001fffeffffff\nCapAmb:\t0000000000000000\n"
	granted, err := Bounding(status)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := UpTo(40).Without(granted).String(), "CAP_SYS_RESOURCE"; got != want {
		t.Errorf("missing: %s, want %s", got, want)
	}
	if got := granted.Len(); got != 40 {
		t.Errorf("%d capabilities, want 40", got)
	}
	for _, bad := range []string{"", "CapBnd:\tnone\n"} {
		if _, err := Bounding(bad); err == nil {
			t.Errorf("Bounding(%q): no error", bad)
		}
	}
}

func TestSets(t *testing.T) {
	for _, c := range []struct {
		set  Set
		want string
	}{
		{0, "none"},
		{Of("CAP_CHOWN", "net_admin", "CAP_NOT_INVENTED"), "CAP_CHOWN,CAP_NET_ADMIN"},
		{Of("CHECKPOINT_RESTORE") | 1<<41, "CAP_CHECKPOINT_RESTORE,CAP_41"},
		{UpTo(40).Without(UpTo(38)), "CAP_BPF,CAP_CHECKPOINT_RESTORE"},
	} {
		if got := c.set.String(); got != c.want {
			t.Errorf("%x: %s, want %s", uint64(c.set), got, c.want)
		}
	}
	if UpTo(63) != ^Set(0) || UpTo(70) != ^Set(0) {
		t.Error("UpTo(63) and beyond want every bit")
	}
	if !UpTo(40).Has("CAP_SYS_RESOURCE") || UpTo(23).Has("SYS_RESOURCE") || UpTo(63).Has("CAP_NOT_INVENTED") {
		t.Error("Has: wrong")
	}
}

// The kernel's own file is the test's second opinion.
func TestOfThisProcess(t *testing.T) {
	all, err := Kernel()
	if err != nil {
		t.Fatal(err)
	}
	own, err := OfProcess("self")
	if err != nil {
		t.Fatal(err)
	}
	if beyond := own.Without(all); beyond != 0 {
		t.Errorf("this process has %s, which the kernel does not know", beyond)
	}
}
