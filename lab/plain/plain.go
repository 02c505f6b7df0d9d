// Package plain makes text from routers, clusters and files safe for terminals.
package plain

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

// Text returns s with every control character but newline and tab written as an escape of Go and JSON (\u001b), and so the
// characters that turn the direction of text. A terminal executes none of the result.
func Text(s string) string {
	if strings.IndexFunc(s, commands) < 0 && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for _, r := range s { // a byte that is not UTF-8 comes as U+FFFD: a terminal may read the byte as a control character
		if commands(r) {
			fmt.Fprintf(&b, `\u%04x`, r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// commands reports whether a terminal may execute r: the control characters of ECMA-48 (C0, DEL, C1), and the embeddings,
// overrides and isolates of Unicode's bidirectional algorithm (UAX 9, 2).
func commands(r rune) bool {
	switch {
	case r == '\n' || r == '\t':
		return false
	case r < 0x20, r >= 0x7f && r < 0xa0, r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
		return true
	}
	return false
}

// password matches a password where routers' configurations and their outputs write one: `password X`, `auth-password: X`,
// `"auth_password":"X"`.
var password = regexp.MustCompile(`(?i)(password["']?[ \t]*[:= \t][ \t]*["']?)([^"'\s,;}]+)`)

// Hide returns s with a mark in place of each password that password matches. The marks of two passwords differ.
func Hide(s string) string {
	return password.ReplaceAllStringFunc(s, func(found string) string {
		parts := password.FindStringSubmatch(found)
		sum := sha256.Sum256([]byte(parts[2]))
		return parts[1] + "secret-" + hex.EncodeToString(sum[:4])
	})
}

// Writer passes text to another writer as Text writes it. Many goroutines may use a Writer.
type Writer struct {
	mu   sync.Mutex
	w    io.Writer
	rest []byte // the begin of a character; the end is to come
}

// NewWriter returns a Writer before w.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// Write passes p on. A character that p cuts waits for its end.
func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	text := slices.Concat(w.rest, p)
	whole := len(text)
	for i := 1; i < utf8.UTFMax && i <= len(text); i++ {
		if last := text[len(text)-i:]; utf8.RuneStart(last[0]) {
			if !utf8.FullRune(last) {
				whole -= i
			}
			break
		}
	}
	_, err := io.WriteString(w.w, Text(string(text[:whole])))
	w.rest = append([]byte(nil), text[whole:]...)
	if err != nil {
		return 0, err
	}
	return len(p), nil
}
