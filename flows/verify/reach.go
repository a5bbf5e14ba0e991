package verify

import "github.com/weft-sdn/weft/flows"

type reach struct {
	found []Finding
	more  bool
	pairs int
}

func newReach(f *fabric, n flows.Network, members []flows.Endpoint) *reach { return &reach{} }
func (r *reach) run()                                                      {}
