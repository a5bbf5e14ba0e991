package simhost

import (
	"cmp"
	"maps"
	"slices"

	"github.com/weft-sdn/weft/openflow"
)

// meter does what a meter mod says.
func (s *Switch) meter(m *openflow.MeterMod) *openflow.ErrorCode {
	_, there := s.meters[m.ID]
	switch m.Command {
	case openflow.MeterAdd:
		if there {
			return because(errMeterExists)
		}
	case openflow.MeterModify:
		if !there {
			return because(openflow.ErrUnknownMeter)
		}
	case openflow.MeterDelete:
		if m.ID == openflow.MeterAll {
			clear(s.meters)
		}
		delete(s.meters, m.ID)
		return nil
	default:
		return because(errMeterCommand)
	}
	for i := range m.Bands {
		b := &m.Bands[i]
		if b.Type != openflow.MeterBandDrop {
			return because(errMeterBand)
		}
		b.Burst = cmp.Or(b.Burst, b.Rate)
	}
	s.meters[m.ID] = m.MeterConfig
	return nil
}

// metersLike returns the meters that a request is for.
func (s *Switch) metersLike(id uint32) (openflow.MeterConfigs, *openflow.ErrorCode) {
	if id == openflow.MeterAll {
		var all openflow.MeterConfigs
		for _, id := range slices.Sorted(maps.Keys(s.meters)) {
			all = append(all, s.meters[id])
		}
		return all, nil
	}
	m, there := s.meters[id]
	if !there {
		return nil, because(openflow.ErrUnknownMeter)
	}
	return openflow.MeterConfigs{m}, nil
}
