// Weft is the one binary of the project: the controller, the lab, and the
// commands that speak to a controller over its REST API.
//
// This package reads flags, wires packages together and prints; it imports
// everything and nothing imports it. What it decides is how things look in a
// terminal.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
