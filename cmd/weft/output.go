package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/weft-sdn/weft/model"
)

// A format is what -o says.
type format string

const (
	formatTable format = "table"
	formatJSON  format = "json"
	formatYAML  format = "yaml"
)

var formats = []string{string(formatTable), string(formatJSON), string(formatYAML)}

func (f *format) String() string { return string(*f) }
func (f *format) Type() string   { return "FORMAT" }

func (f *format) Set(text string) error {
	for _, known := range formats {
		if text == known {
			*f = format(text)
			return nil
		}
	}
	return fmt.Errorf("use %s", strings.Join(formats, ", "))
}

// print writes a value as -o says; rows are its table.
func (s *session) print(c *cobra.Command, value any, rows [][]string) error {
	switch s.format {
	case formatJSON:
		return printJSON(c.OutOrStdout(), value)
	case formatYAML:
		return printYAML(c.OutOrStdout(), value)
	}
	return printTable(c.OutOrStdout(), rows)
}

// say writes a sentence about a value, or the value where -o asks for it.
func (s *session) say(c *cobra.Command, value any, sentence string) error {
	if s.format == formatTable {
		_, err := fmt.Fprintln(c.OutOrStdout(), printable(sentence))
		return err
	}
	return s.print(c, value, nil)
}

func printJSON(w io.Writer, value any) error {
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s\n", text)
	return err
}

func printYAML(w io.Writer, value any) error {
	text, err := yaml.Marshal(value)
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}

// printTable aligns rows in columns. An empty cell is a dash, so that columns
// can be counted.
func printTable(w io.Writer, rows [][]string) error {
	table := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for _, row := range rows {
		for i, cell := range row {
			if cell == "" {
				cell = "-"
			}
			if i > 0 {
				fmt.Fprint(table, "\t")
			}
			fmt.Fprint(table, printable(cell))
		}
		fmt.Fprintln(table)
	}
	return table.Flush()
}

// printable keeps names that hosts gave themselves from steering a terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '?'
		}
		return r
	}, s)
}

// joined writes a list into one cell.
func joined[T any](list []T, text func(T) string) string {
	parts := make([]string, len(list))
	for i, v := range list {
		parts[i] = text(v)
	}
	return strings.Join(parts, ",")
}

func addressText(a model.Addr) string        { return a.String() }
func prefixText(p model.Prefix) string       { return p.String() }
func same(s string) string                   { return s }
func conditionType(c model.Condition) string { return c.Type }

// number writes n, or nothing for 0, which is "none" wherever it is used.
func number[N int | uint32 | uint64](n N) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

// withConditions adds a row for each condition to the table of one object.
func withConditions(rows [][]string, conditions []model.Condition) [][]string {
	for _, c := range conditions {
		rows = append(rows, []string{"condition", c.Type + ": " + c.Message})
	}
	return rows
}
