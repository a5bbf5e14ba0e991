package labcmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/weft-sdn/weft/lab"
)

// comeUp is how long one lab of a folder may take to come up.
const comeUp = 2 * time.Minute

// verdict says what became of one lab of a folder.
type verdict struct {
	file         string
	holds, total int
	took         time.Duration
	err          error
}

func (v verdict) String() string {
	if v.err != nil {
		return "FAIL"
	}
	return "ok"
}

// CheckFolder brings up every topology of a folder, one after the other, tests
// it, takes it down, and prints a table of what holds. If not everything does,
// that is an error.
func CheckFolder(ctx context.Context, out io.Writer, folder string, o lab.Options) error {
	files, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	if err != nil {
		return fmt.Errorf("look into %s: %w", folder, err)
	}
	if len(files) == 0 {
		return fmt.Errorf("%s holds no topology: their names end in .yaml", folder)
	}
	var verdicts []verdict
	failed := 0
	for _, file := range files {
		fmt.Fprintf(out, "== %s\n", file)
		v := checkFile(ctx, out, file, o)
		if verdicts = append(verdicts, v); v.err != nil {
			failed++
			fmt.Fprintf(out, "FAIL  %v\n", v.err)
		}
		if ctx.Err() != nil {
			break
		}
	}
	fmt.Fprintln(out)
	table := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(table, "TOPOLOGY\tHOLD\tOF\tTIME\tRESULT")
	for _, v := range verdicts {
		fmt.Fprintf(table, "%s\t%d\t%d\t%.1f s\t%s\n", v.file, v.holds, v.total, v.took.Seconds(), v)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d topologies in %s do not hold", failed, len(files), folder)
	}
	return ctx.Err()
}

// checkFile brings one topology up, tests it and takes it down.
func checkFile(ctx context.Context, out io.Writer, file string, o lab.Options) (v verdict) {
	v.file = filepath.Base(file)
	start := time.Now()
	defer func() { v.took = time.Since(start) }()
	t, err := lab.Load(file)
	if err != nil {
		v.err = err
		return v
	}
	v.total = len(t.Expect)
	up, cancel := context.WithTimeout(ctx, comeUp)
	defer cancel()
	l, err := lab.Up(up, t, o)
	if err != nil {
		v.err = err
		return v
	}
	results, err := l.Check(ctx, t.Expect)
	v.holds = printResults(out, results)
	if v.holds < v.total {
		err = errors.Join(err, fmt.Errorf("%d of %d expectations do not hold", v.total-v.holds, v.total))
	}
	v.err = errors.Join(err, l.Down())
	return v
}

// printResults prints what became of expectations, and returns how many hold.
func printResults(out io.Writer, results []lab.CheckResult) (hold int) {
	for _, r := range results {
		switch {
		case r.Err != nil:
			fmt.Fprintf(out, "FAIL  %s: %v\n", r.Expectation, r.Err)
			continue
		case r.Note != "":
			fmt.Fprintf(out, "ok    %s: %s\n", r.Expectation, r.Note)
		default:
			fmt.Fprintf(out, "ok    %s\n", r.Expectation)
		}
		hold++
	}
	return hold
}
