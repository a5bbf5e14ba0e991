package controller

import "github.com/weft-sdn/weft/openflow"

// answerTooFar reports whether a packet came because it was not forwarded, and
// tells its sender why.
func (c *Controller) answerTooFar(l *hostLink, sw *switchLink, p *openflow.PacketIn) bool {
	return false
}
