package session

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/weft-sdn/weft/openflow"
)

// packetInMeter bounds what flows send to the controller: enough for the errors
// that people notice (a path that is too narrow, a traceroute), and far from
// what a controller, or ovs-vswitchd, would feel. Unmetered, one flooding
// endpoint costs a third of a processor.
var packetInMeter = openflow.MeterConfig{
	ID:    openflow.MeterController,
	Flags: openflow.MeterPackets | openflow.MeterBurst | openflow.MeterStatistics,
	Bands: []openflow.MeterBand{{Type: openflow.MeterBandDrop, Rate: 100, Burst: 50}},
}

// meterPackets sets the meter of packet-ins. A datapath without meters goes
// without.
func (s *Session) meterPackets(ctx context.Context) error {
	err := s.setMeter(ctx, packetInMeter)
	var refused *openflow.Error
	if errors.As(err, &refused) {
		s.cfg.Logger.Warn("packets to the controller are not metered", "switch", s.conn.RemoteAddr(), "err", err)
		return nil
	}
	if err != nil {
		return fmt.Errorf("meter the packets to the controller: %w", err)
	}
	return nil
}

// setMeter sets a meter, unless it is set so already: a write resets it.
func (s *Session) setMeter(ctx context.Context, want openflow.MeterConfig) error {
	there, err := s.meter(ctx, want.ID)
	switch {
	case err != nil:
		return err
	case there == nil:
		return s.order(ctx, &openflow.MeterMod{Command: openflow.MeterAdd, MeterConfig: want})
	case !reflect.DeepEqual(*there, want):
		return s.order(ctx, &openflow.MeterMod{Command: openflow.MeterModify, MeterConfig: want})
	}
	return nil
}

// meter returns a meter as it is, nil if it is not there.
func (s *Session) meter(ctx context.Context, id uint32) (*openflow.MeterConfig, error) {
	var there *openflow.MeterConfig
	err := s.askMultipart(ctx, &openflow.MultipartRequest{Body: &openflow.MeterConfigRequest{Meter: id}}, func(body []byte) error {
		meters, err := openflow.ParseMeterConfigs(body)
		for _, m := range meters {
			there = &m
		}
		return err
	}, nil)
	var refused *openflow.Error
	if errors.As(err, &refused) && refused.ErrorCode == openflow.ErrUnknownMeter {
		return nil, nil
	}
	return there, err
}
