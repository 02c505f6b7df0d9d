// Package native joins a router's rendered configuration with the user's texts in the language of the software, and leads
// a software's complaint back to the user's file.
package native

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/plan"
)

// Join returns a router's configuration: the native file, or the rendered text with the added texts before the closing
// lines in end.
func Join(r plan.Router, end string, render func(plan.Router) (string, error)) (string, error) {
	if r.Native.IsWhole() {
		return r.Native.Whole.Text, nil
	}
	rendered, err := render(r)
	if err != nil || !r.Native.Configures() {
		return rendered, err
	}
	text := strings.TrimSuffix(rendered, end)
	for _, s := range r.Native.Added {
		text += line(s.Text)
	}
	return text + end, nil
}

// line returns a text that ends with a line feed.
func line(text string) string {
	if strings.HasSuffix(text, "\n") {
		return text
	}
	return text + "\n"
}

// Files returns the further files of a router.
func Files(n *plan.Native) []docker.File {
	if n == nil {
		return nil
	}
	var files []docker.File
	for _, f := range n.Files {
		files = append(files, docker.File{Path: f.Path, Mode: 0o644, Data: []byte(f.Text)})
	}
	return files
}

// atLine matches the number of a configuration's line in a software's words:
//
//	line 6: % Unknown command[4]: ip prefix-lst X   (FRR, ExaBGP)
//	bird: /etc/bird/bird.conf.new:3:33 syntax error (BIRD)
var atLine = regexp.MustCompile(`\bline (\d+):|/\S+\.conf(?:\.new)?:(\d+):(?:\d+)?`)

// Explain puts the place in the user's file before each line of a software's words that names a line of the
// configuration. Without a known place, the words follow the places of all native texts.
func Explain(n *plan.Native, config, said string) string {
	if !n.Configures() {
		return said
	}
	lines := strings.Split(said, "\n")
	found := false
	for i, l := range lines {
		m := atLine.FindStringSubmatch(l)
		if m == nil {
			continue
		}
		number, _ := strconv.Atoi(m[1] + m[2])
		if at := placeOf(n, config, number); at != "" {
			lines[i], found = at+": "+l, true
		}
	}
	if found {
		return strings.Join(lines, "\n")
	}
	var places []string
	for _, s := range texts(n) {
		places = append(places, s.Where(0))
	}
	return fmt.Sprintf("%s: %s", strings.Join(places, ", "), said)
}

// placeOf returns the place of a configuration's line in the user's file; empty for a rendered line.
func placeOf(n *plan.Native, config string, number int) string {
	for _, s := range texts(n) {
		at := strings.LastIndex(config, s.Text)
		if at < 0 {
			continue
		}
		first := strings.Count(config[:at], "\n") + 1
		if of := number - first + 1; of >= 1 && of <= strings.Count(line(s.Text), "\n") {
			return s.Where(of)
		}
	}
	return ""
}

func texts(n *plan.Native) []plan.Snippet {
	if n.Whole != nil {
		return []plan.Snippet{*n.Whole}
	}
	return n.Added
}
