package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/weft-sdn/weft/agent/join"
)

// checks says what a host lacks, and fails if it lacks anything.
func (f *joinFlags) checks(ctx context.Context, out io.Writer, cfg join.Config) error {
	missing := 0
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, finding := range join.Check(ctx, cfg) {
		if finding.Level == join.Missing {
			missing++
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", finding.Level, printable(finding.What), oneLine(finding.Detail))
		if finding.Mend != "" {
			fmt.Fprintf(w, "\t\t→ %s\n", oneLine(finding.Mend))
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	switch missing {
	case 0:
		return nil
	case 1:
		return errors.New("one thing is missing on this host")
	}
	return fmt.Errorf("%d things are missing on this host", missing)
}
