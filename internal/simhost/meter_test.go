package simhost

import (
	"net/netip"
	"testing"

	of "github.com/weft-sdn/weft/openflow"
)

func meterMod(command uint16, id uint32, flags uint16, bands ...of.MeterBand) *of.MeterMod {
	return &of.MeterMod{Command: command, MeterConfig: of.MeterConfig{ID: id, Flags: flags, Bands: bands}}
}

func TestMetersAndFlushesOfConnectionsAreAsOnARealOne(t *testing.T) {
	meters := func(id uint32) of.Message { return &of.MultipartRequest{Body: &of.MeterConfigRequest{Meter: id}} }
	slow := of.MeterBand{Type: of.MeterBandDrop, Rate: 100, Burst: 50}
	onBoth(t, func(t *testing.T, c *controlled) []string {
		db := c.database()
		await(t, db, "the tunnel's number", hasPort("weft-vxlan"))
		s := c.speak()
		s.try("nothing")
		s.said = nil // a real switch may say first what its ports are
		s.try("none there", meters(of.MeterController), meters(of.MeterAll))
		s.try("change one that is not there", meterMod(of.MeterModify, of.MeterController, of.MeterPackets, slow))
		s.try("add", meterMod(of.MeterAdd, of.MeterController, of.MeterPackets|of.MeterBurst, slow), meterMod(of.MeterAdd, 7, of.MeterKilobits, slow))
		s.try("add again", meterMod(of.MeterAdd, 7, of.MeterKilobits, slow))
		s.try("there", meters(of.MeterController), meters(of.MeterAll))
		s.try("change", meterMod(of.MeterModify, 7, of.MeterPackets, slow, of.MeterBand{Type: of.MeterBandDrop, Rate: 900}), meters(7))
		s.try("another kind of band", meterMod(of.MeterAdd, 8, of.MeterKilobits, of.MeterBand{Type: 2, Rate: 5, Data: make([]byte, 4)}))
		s.try("another command", meterMod(9, 8, of.MeterKilobits, slow))
		s.try("delete one", meterMod(of.MeterDelete, 7, 0), meterMod(of.MeterDelete, 7, 0), meters(of.MeterAll))
		s.try("delete all", meterMod(of.MeterDelete, of.MeterAll, 0), meters(of.MeterAll))
		s.try("in a bundle", control(1, of.BundleOpen), bundled1(1, meterMod(of.MeterAdd, 7, of.MeterKilobits, slow)), control(1, of.BundleDiscard))
		s.try("flush a zone", &of.CTFlushZone{Zone: 7})
		s.try("flush connections", &of.CTFlush{Zone: 7, Reply: of.CTTuple{Dst: netip.MustParseAddr("10.0.0.1")}})
		s.try("another extension", &of.Experimenter{ID: 4711, Subtype: 3}, &of.Experimenter{ID: of.Nicira, Subtype: 999})
		return s.said
	})
}
