package scenario

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxFileSize bounds a scenario file, in bytes. A scenario is a page of text. A larger file is a different file, given by
// mistake.
const maxFileSize = 1 << 20

// Load reads a scenario file, fills in the defaults and validates the scenario. The returned *Invalid has every mistake. kinds
// are the members that the file may name.
func Load(file string, kinds Kinds) (*Scenario, error) {
	data, err := read(file)
	if err != nil {
		return nil, &Invalid{File: file, Problems: []Problem{{Message: err.Error()}}}
	}
	return parse(file, data, kinds, os.DirFS(filepath.Dir(file)), newProblems(file))
}

// LoadFS is Load for a file of a file system. Errors call the file root/file.
func LoadFS(files fs.FS, root, file string, kinds Kinds) (*Scenario, error) {
	data, err := fs.ReadFile(files, file)
	if err != nil {
		return nil, err
	}
	folder, err := fs.Sub(files, path.Dir(file))
	if err != nil {
		return nil, err
	}
	return parse(path.Join(root, file), data, kinds, folder, newProblems(path.Join(root, file)))
}

func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, errors.New("seen no such file, want a scenario file or a scenario's name; `skidpad scenarios list` shows the names")
	case errors.Is(err, fs.ErrPermission):
		return nil, errors.New("seen a file that may not be read, want one that this user may read")
	case err != nil:
		return nil, fmt.Errorf("seen %w, want a scenario file", err)
	}
	defer func() { _ = f.Close() }()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, errors.New("seen a directory, want a scenario file such as scenario.yaml in it")
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFileSize+1))
	if err != nil {
		return nil, fmt.Errorf("seen %w, want a scenario file", err)
	}
	return data, nil
}

// Parse is Load for data in memory, without files beside the scenario. Errors call the data name.
func Parse(name string, data []byte, kinds Kinds) (*Scenario, error) {
	return parse(name, data, kinds, nil, newProblems(name))
}

// parse reads data, calls the data name in errors, and collects the mistakes and the lines in found.
func parse(name string, data []byte, kinds Kinds, folder fs.FS, found *problems) (*Scenario, error) {
	root, err := parseDocument(data)
	if err != nil {
		var at *syntaxError
		if errors.As(err, &at) {
			return nil, &Invalid{File: name, Problems: []Problem{{Line: at.line, Message: at.Error()}}}
		}
		return nil, &Invalid{File: name, Problems: []Problem{{Message: err.Error()}}}
	}
	s := &Scenario{kinds: kinds, folder: folder, form: found}
	d := decoder{found, kinds, folder}
	d.decode(root, reflect.ValueOf(s).Elem(), "", rule{})
	s.setDefaults()
	validate(s, found)
	if err := found.err(name); err != nil {
		return nil, err
	}
	return s, nil
}

// syntaxError reports a file that is not exactly one YAML document, with the line of the mistake.
type syntaxError struct {
	line    int
	message string
}

func (e *syntaxError) Error() string { return e.message }

// parseDocument returns the root node of the file's only document.
func parseDocument(data []byte) (*yaml.Node, error) {
	if len(data) > maxFileSize {
		return nil, errors.New("seen more than 1 MiB, want a scenario file of at most 1 MiB")
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, second yaml.Node
	err := dec.Decode(&doc)
	if errors.Is(err, io.EOF) || err == nil && isEmpty(&doc) {
		return nil, errors.New("seen an empty file, want a scenario; `skidpad scenarios show cilium-bgp-vrrp` prints one to begin from")
	}
	if err != nil {
		return nil, asSyntaxError(err)
	}
	switch err := dec.Decode(&second); {
	case errors.Is(err, io.EOF):
		return doc.Content[0], nil
	case err != nil:
		return nil, asSyntaxError(err)
	}
	return nil, &syntaxError{line: second.Line, message: "seen a second document, want one in a file"}
}

func isEmpty(doc *yaml.Node) bool {
	return len(doc.Content) == 0 || doc.Content[0].ShortTag() == "!!null"
}

// asSyntaxError takes the line out of a YAML error. In errors of the parser, lines count from 0. In errors of the scanner,
// lines count from 1.
func asSyntaxError(err error) error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 0
	if m := regexp.MustCompile(`^line (\d+): (.*)$`).FindStringSubmatch(text); m != nil {
		line, _ = strconv.Atoi(m[1])
		text = m[2]
	}
	if strings.HasPrefix(text, "did not find expected") {
		line++
	}
	return &syntaxError{line, "seen what is not YAML (" + text + "), want a YAML mapping"}
}
