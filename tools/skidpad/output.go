package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"
)

// format is the value of -o.
type format string

const (
	formatTable format = "table"
	formatJSON  format = "json"
	formatYAML  format = "yaml"
)

// String, Set and Type make format a flag that refuses any other value.
func (f *format) String() string { return string(*f) }
func (f *format) Type() string   { return "table|json|yaml" }
func (f *format) Set(s string) error {
	switch format(s) {
	case formatTable, formatJSON, formatYAML:
		*f = format(s)
		return nil
	}
	return fmt.Errorf("want table, json or yaml, got %q", s)
}

// outputFlag adds -o to a command.
func outputFlag(cmd *cobra.Command) *format {
	f := formatTable
	cmd.Flags().VarP(&f, "output", "o", "output format")
	return &f
}

// printAs writes v as JSON or YAML, or calls table.
func printAs(w io.Writer, f format, v any, table func(io.Writer) error) error {
	switch f {
	case formatJSON:
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(v)
	case formatYAML:
		b, err := yaml.Marshal(v)
		if err != nil {
			return err
		}
		_, err = w.Write(b)
		return err
	}
	return table(w)
}

// writeTable writes rows under a header, in aligned columns.
func writeTable(w io.Writer, header []string, rows [][]string) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, strings.Join(header, "\t"))
	for _, r := range rows {
		fmt.Fprintln(tw, strings.Join(r, "\t"))
	}
	return tw.Flush()
}

// footnotes are texts too long for a table's cells, each printed once, below the table.
type footnotes []string

// cellWidth limits the characters of free text in a cell, so that later columns stay visible.
const cellWidth = 40

// cell returns a text for a table cell: the whole text, or a reference to its footnote.
func (f *footnotes) cell(text string) string {
	if utf8.RuneCountInString(text) <= cellWidth {
		return text
	}
	i := slices.Index(*f, text)
	if i < 0 {
		i = len(*f)
		*f = append(*f, text)
	}
	return fmt.Sprintf("see [%d]", i+1)
}

func (f *footnotes) write(w io.Writer) error {
	for i, text := range *f {
		if _, err := fmt.Fprintf(w, "[%d] %s\n", i+1, text); err != nil {
			return err
		}
	}
	return nil
}
