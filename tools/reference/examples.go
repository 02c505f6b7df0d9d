package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"go.yaml.in/yaml/v3"
)

// exampleFiles are searched for examples, the files of the first pattern first: scenarios and bugs are run, valid files are
// loaded by a test.
var exampleFiles = []string{"scenarios/*/*.yaml", "scenarios/bugs/*/*.yaml", "suites/*/testdata/*.yaml", "suites/*/testdata/*/scenario.yaml", "lab/scenario/testdata/valid-*.yaml"}

// example is an entry of a kind in one of the repository's files.
type example struct {
	file, entry string
	names       []string // the keys of the entry; a router's software
	text        string
	rank        int // of the pattern
}

func readExamples() ([]example, error) {
	var all []example
	for rank, pattern := range exampleFiles {
		files, err := filepath.Glob(pattern)
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				return nil, err
			}
			var doc yaml.Node
			if err := yaml.Unmarshal(data, &doc); err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			found, err := entries(&doc, file, rank)
			if err != nil {
				return nil, err
			}
			all = append(all, found...)
		}
	}
	return all, nil
}

// entries finds the entries of all kinds in a document, by the key above them.
func entries(n *yaml.Node, file string, rank int) ([]example, error) {
	var all []example
	if n.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, value := n.Content[i].Value, n.Content[i+1]
			var list []*yaml.Node
			switch key {
			case "addons", "checks", "routers":
				list = value.Content
			case "fault", "signal":
				list = []*yaml.Node{value}
			}
			for _, entry := range list {
				x, err := exampleOf(entry, file, key, rank)
				if err != nil {
					return nil, err
				}
				all = append(all, x)
			}
		}
	}
	for _, inner := range n.Content {
		found, err := entries(inner, file, rank)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

func exampleOf(entry *yaml.Node, file, key string, rank int) (example, error) {
	x := example{file: file, entry: key, rank: rank}
	if entry.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(entry.Content); i += 2 {
			x.names = append(x.names, entry.Content[i].Value)
			if key == "routers" && entry.Content[i].Value == "software" {
				x.names = append(x.names, entry.Content[i+1].Value)
			}
		}
	}
	node := &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{{Kind: yaml.ScalarNode, Value: key}, entry}}
	if key != "fault" && key != "signal" {
		node.Content[1] = &yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{entry}}
	}
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(node); err != nil {
		return x, fmt.Errorf("%s: %w", file, err)
	}
	x.text = out.String()
	return x, nil
}

// shortest is the shortest example of a member, of the first pattern that has one.
func shortest(all []example, entry, name string) (example, bool) {
	var best example
	found := false
	for _, x := range all {
		if x.entry != entry || !slices.Contains(x.names, name) {
			continue
		}
		if !found || x.rank < best.rank || x.rank == best.rank && len(x.text) < len(best.text) {
			best, found = x, true
		}
	}
	return best, found
}
