package labtest

import (
	"strings"
	"testing"
)

func TestWhatDiffersIsTold(t *testing.T) {
	was := base{"r1: config": "router bgp 64513\n neighbor a", "services": "echo {}"}
	if diff := was.differs(base{"r1: config": " neighbor a\nrouter bgp 64513", "services": "echo {}"}); len(diff) > 0 {
		t.Errorf("another order of lines is a difference: %v", diff)
	}
	now := base{"r1: config": "router bgp 64513\n neighbor a shutdown", "services": ""}
	diff := strings.Join(was.differs(now), "\n")
	for _, want := range []string{"r1: config: new:  neighbor a shutdown", "r1: config: gone:  neighbor a", "services: gone: echo {}"} {
		if !strings.Contains(diff, want) {
			t.Errorf("the differences lack %q:\n%s", want, diff)
		}
	}
}

func TestAFoldersNameIsTheSpecsText(t *testing.T) {
	if got := folder("A session's MD5 password (RFC 2385) that both ends have: up!"); got != "a-session-s-md5-password-rfc-2385-that-both-ends-have-up" {
		t.Errorf("the folder is %q", got)
	}
	if got := folder(strings.Repeat("long text, ", 60)); len(got) > maxName || strings.HasSuffix(got, "-") {
		t.Errorf("a long text gives %q, of %d characters", got, len(got))
	}
}
