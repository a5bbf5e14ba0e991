package main

import (
	"github.com/spf13/cobra"

	"github.com/weft-sdn/weft/lab/labcmd"
)

// newLab is `weft lab`, whose errors are of what it did, not of how it was
// called, as with the other commands.
func newLab() *cobra.Command {
	lab := labcmd.Command()
	for _, c := range lab.Commands() {
		c.RunE = doing(c.RunE)
	}
	return lab
}
