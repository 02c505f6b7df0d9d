package plain

import (
	"encoding/json"
	"strings"
	"testing"
)

// hostile are commands of terminals, and the same as they are to be shown.
var hostile = map[string]string{
	"plain text, Ω and 路由\n\tnext": "plain text, Ω and 路由\n\tnext",
	"\x1b]0;title\x07":             `\u001b]0;title\u0007`,
	"\x1b[2J":                      `\u001b[2J`,
	"\u009b2J":                     `\u009b2J`,
	"a\rb\x7f\x00":                 `a\u000db\u007f\u0000`,
	"\u202egnp.exe":                `\u202egnp.exe`,
	"\x9b2J":                       "\ufffd2J",
}

func TestText(t *testing.T) {
	for text, want := range hostile {
		if got := Text(text); got != want {
			t.Errorf("%q is written as %q, want %q", text, got, want)
		}
	}
}

// A writer gets characters in parts, and JSON stays JSON.
func TestWriter(t *testing.T) {
	for text, want := range hostile {
		var b strings.Builder
		w := NewWriter(&b)
		for i := range len(text) {
			if n, err := w.Write([]byte{text[i]}); n != 1 || err != nil {
				t.Fatal(n, err)
			}
		}
		if b.String() != want {
			t.Errorf("%q is written as %q, want %q", text, b.String(), want)
		}
	}
	in, err := json.Marshal("\x1b[2J\u009b\u202e\x7f")
	if err != nil {
		t.Fatal(err)
	}
	var out string
	if err := json.Unmarshal([]byte(Text(string(in))), &out); err != nil || out != "\x1b[2J\u009b\u202e\x7f" {
		t.Errorf("%s is read as %q, %v", in, out, err)
	}
}

func TestHide(t *testing.T) {
	const secret = "hunter2.planted"
	texts := []string{
		" neighbor 172.31.0.3 password " + secret,
		`line 12: % Unknown command:  neighbor r2 password ` + secret + `, see vtysh`,
		`	password "` + secret + `";`,
		`{"auth_password":"` + secret + `","peer_asn":64512}`,
		"    auth-password: " + secret + "\n    peer-as: 64512",
	}
	for _, text := range texts {
		got := Hide(text)
		if strings.Contains(got, secret) || strings.Count(got, "secret-") != 1 || len(got) < len(text)-len(secret) {
			t.Errorf("%q is written as %q", text, got)
		}
		if other := Hide(strings.ReplaceAll(text, secret, "another")); other == got {
			t.Errorf("two passwords have one mark: %q", got)
		}
	}
	if text := "it tells no passwords"; Hide(text) != text {
		t.Errorf("%q is written as %q", text, Hide(text))
	}
}
