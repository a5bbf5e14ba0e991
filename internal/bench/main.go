package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
)

// parts are what can be measured, in the order in which it is.
var parts = []struct {
	name string
	run  func(context.Context, *report) error
}{
	{"flows", measureFlows},
	{"fabric", measureFabric},
	{"scale", measureScale},
	{"endurance", measureEndurance},
	{"gateway", measureGateway},
	{"mesh", measureMesh},
}

func main() {
	small := flag.Bool("small", false, "small sizes: does it work at all?")
	profile := flag.String("profile", "", "directory for profiles of the controller")
	weft := flag.String("weft", "bin/weft", "the binary of weft, for the lab")
	role := flag.String("role", "", "what this process is for: the program starts itself anew with it")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *role, &report{small: *small, profiles: *profile, weft: *weft}, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, role string, r *report, chosen []string) error {
	switch role {
	case "controller":
		return beController(ctx, chosen[0], chosen[1], chosen[2])
	case "hosts":
		return beHosts(ctx)
	}
	r.begin()
	for _, p := range parts {
		if len(chosen) > 0 && !slices.Contains(chosen, p.name) {
			continue
		}
		if err := p.run(ctx, r); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	r.end()
	return nil
}
