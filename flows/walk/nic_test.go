package walk

import (
	"testing"

	"github.com/weft-sdn/weft/flows"
)

// What a machine behind a NIC sends comes back to it at the most, as an answer:
// if another NIC of the network were in the same segment, it would go round for
// ever. What endpoints send gets out of NICs.
func TestNothingGoesFromOneNICOfANetworkToAnother(t *testing.T) {
	stopped, out := 0, 0
	eachWorld(t, func(t *testing.T, w *world) {
		w.addNICs()
		w.build()
		at := map[arrivesAt]flows.NIC{}
		for _, c := range w.nics {
			at[arrivesAt{host: hostName(c.Host), port: c.Port}] = c
		}
		for _, c := range w.nics {
			for range 20 {
				r := w.underlay.Walk(hostName(c.Host), c.Port, w.fromNIC(c))
				for _, end := range r.Ends {
					other, is := at[arrivesAt{host: end.Host, port: end.Port}]
					if end.Outcome == Sent && is && other != c && other.VNI == c.VNI {
						t.Errorf("from NIC %d to NIC %d of the same network:\n%s", c.Number, other.Number, r.Text(Words{}))
					}
					if end.Reason() == flows.BetweenSegments {
						stopped++
					}
				}
			}
		}
		for _, e := range w.plugged() {
			r := w.send(e, Frame(e.MAC, Broadcast).IP(w.family4(e), someTarget(true)).UDP(1, 2))
			for _, end := range r.Ends {
				if _, is := at[arrivesAt{host: end.Host, port: end.Port}]; is && end.Outcome == Sent {
					out++
				}
			}
		}
	})
	if *oneSeed == 0 && (stopped == 0 || out == 0) {
		t.Errorf("%d packets between NICs were stopped, %d of endpoints got out: the topologies test nothing", stopped, out)
	}
}
