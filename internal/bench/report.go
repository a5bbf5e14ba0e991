package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"time"
)

// report prints a table of what is measured.
type report struct {
	small    bool
	profiles string // directory, empty for none
	weft     string // the binary
}

// profileSelf keeps a profile of this process, if profiles are wanted.
func (r *report) profileSelf(name string) (done func()) {
	if r.profiles == "" {
		return func() {}
	}
	out, err := os.Create(filepath.Join(r.profiles, name+".cpu"))
	if err != nil || pprof.StartCPUProfile(out) != nil {
		return func() {} // shown by its absence
	}
	return func() {
		pprof.StopCPUProfile()
		out.Close()
	}
}

// size is a number of things, or far fewer where only small ones are wanted.
func (r *report) size(full, small int) int {
	if r.small {
		return small
	}
	return full
}

func (r *report) begin() {
	fmt.Printf("%s, %s, %d processors, load %s\n\n", time.Now().Format(time.DateTime), runtime.Version(), runtime.NumCPU(), load())
	fmt.Printf("| %-72s | %-22s | %-12s | %-4s |\n|%s|%s|%s|%s|\n", "what", "measured", "target", "held",
		strings.Repeat("-", 74), strings.Repeat("-", 24), strings.Repeat("-", 14), strings.Repeat("-", 6))
}

func (r *report) end() { fmt.Printf("\nload %s\n", load()) }

// load is the load of the machine, over 1, 5 and 15 minutes.
func load() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(string(b))[:3], " ")
}

// note prints a figure without a target.
func (r *report) note(what, measured string) {
	fmt.Printf("| %-72s | %-22s | %-12s | %-4s |\n", what, measured, "", "")
}

// duration prints a time that is to be less than a target.
func (r *report) duration(what string, d, target time.Duration) {
	r.row(what, short(d), "< "+target.String(), d < target)
}

// ratio prints a ratio that is to be at most a target.
func (r *report) ratio(what string, a, b time.Duration, target float64) {
	ratio := float64(a) / float64(b)
	r.row(what, fmt.Sprintf("%.2f (%s / %s)", ratio, short(a), short(b)), fmt.Sprintf("<= %.1f", target), ratio <= target)
}

// pairs prints the median of the ratios of pairs, with the least and the most of
// them. It is to be at least a target, if that is not 0.
func (r *report) pairs(what string, ratios []float64, target float64, measured string) {
	m := middle(ratios)
	measured = fmt.Sprintf("%.2f (%.2f to %.2f), %s", m, slices.Min(ratios), slices.Max(ratios), measured)
	if target == 0 {
		r.note(what, measured)
		return
	}
	r.row(what, measured, fmt.Sprintf(">= %.2f", target), m >= target)
}

func (r *report) row(what, measured, target string, held bool) {
	says := "NO"
	switch {
	case held:
		says = "yes"
	case r.small:
		says = "-"
	}
	fmt.Printf("| %-72s | %-22s | %-12s | %-4s |\n", what, measured, target, says)
}

func short(d time.Duration) string {
	switch {
	case d >= 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	}
	return d.Round(10 * time.Microsecond).String()
}

func median(all []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}

func most(all []time.Duration) time.Duration { return slices.Max(all) }
