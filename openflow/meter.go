package openflow

import "encoding/binary"

// MeterController is the virtual meter that all packets to controllers pass
// (OFPM_CONTROLLER, section 7.2.1), whatever flow sends them.
const MeterController uint32 = 0xfffffffe

// MeterAll asks for the configuration of all meters.
const MeterAll uint32 = 0xffffffff

// Commands of a MeterMod.
const (
	MeterAdd    uint16 = 0
	MeterModify uint16 = 1
	MeterDelete uint16 = 2
)

// Bits of MeterConfig.Flags.
const (
	MeterKilobits   uint16 = 1 << 0 // rates are in kbit/s
	MeterPackets    uint16 = 1 << 1 // rates are in packets/s
	MeterBurst      uint16 = 1 << 2 // bands have a burst size
	MeterStatistics uint16 = 1 << 3
)

// MeterBandDrop is the type of a band that drops what comes faster; Open
// vSwitch has no other.
const MeterBandDrop uint16 = 1

// MeterBand says what happens to what comes faster than a rate.
type MeterBand struct {
	Type  uint16
	Rate  uint32
	Burst uint32
	Data  []byte // of a type other than drop
}

// MeterConfig is a meter: it limits a rate.
type MeterConfig struct {
	ID    uint32
	Flags uint16
	Bands []MeterBand
}

const (
	meterConfigLen = 8
	meterBandLen   = 12 // without padding, or what a type has in its place
)

func appendBands(b []byte, bands []MeterBand) []byte {
	for _, k := range bands {
		start := len(b)
		b = binary.BigEndian.AppendUint16(b, k.Type)
		b = zeros(b, 2)
		b = binary.BigEndian.AppendUint32(b, k.Rate)
		b = binary.BigEndian.AppendUint32(b, k.Burst)
		if k.Type == MeterBandDrop {
			b = zeros(b, 4)
		}
		b = closeEntry(append(b, k.Data...), start, 2)
	}
	return b
}

func decodeBands(d *decoder) []MeterBand {
	var bands []MeterBand
	d.entries(2, meterBandLen, func(e *decoder) {
		k := MeterBand{Type: e.u16()}
		e.skip(2)
		k.Rate, k.Burst = e.u32(), e.u32()
		if k.Type == MeterBandDrop {
			e.skip(4)
		}
		k.Data = e.rest()
		bands = append(bands, k)
	})
	return bands
}

// MeterMod adds, changes or deletes a meter. It cannot be in a bundle.
type MeterMod struct {
	Command uint16
	MeterConfig
}

// Type returns TypeMeterMod.
func (*MeterMod) Type() Type { return TypeMeterMod }

// AppendTo appends the message.
func (m *MeterMod) AppendTo(b []byte, xid uint32) []byte {
	start := len(b)
	b = begin(b, TypeMeterMod, xid)
	b = binary.BigEndian.AppendUint16(b, m.Command)
	b = binary.BigEndian.AppendUint16(b, m.Flags)
	b = binary.BigEndian.AppendUint32(b, m.ID)
	return finish(appendBands(b, m.Bands), start)
}

func decodeMeterMod(d *decoder) Message {
	m := &MeterMod{Command: d.u16(), MeterConfig: MeterConfig{Flags: d.u16(), ID: d.u32()}}
	m.Bands = decodeBands(d)
	return m
}

// MeterConfigRequest asks how a meter is set, or all with MeterAll. The answer
// for one that is not there is ErrUnknownMeter.
type MeterConfigRequest struct{ Meter uint32 }

// Kind returns KindMeterConfig.
func (*MeterConfigRequest) Kind() MultipartKind { return KindMeterConfig }

func (r *MeterConfigRequest) appendBody(b []byte) []byte {
	return zeros(binary.BigEndian.AppendUint32(b, r.Meter), 4)
}

// MeterConfigs is the body of the answer.
type MeterConfigs []MeterConfig

// Kind returns KindMeterConfig.
func (MeterConfigs) Kind() MultipartKind { return KindMeterConfig }

func (ms MeterConfigs) appendBody(b []byte) []byte {
	for _, m := range ms {
		start := len(b)
		b = zeros(b, 2)
		b = binary.BigEndian.AppendUint16(b, m.Flags)
		b = binary.BigEndian.AppendUint32(b, m.ID)
		b = closeEntry(appendBands(b, m.Bands), start, 0)
	}
	return b
}

// ParseMeterConfigs decodes the body of a reply to a MeterConfigRequest.
func ParseMeterConfigs(body []byte) ([]MeterConfig, error) {
	d := &decoder{b: body}
	ms := decodeMeterConfigs(d)
	return ms, d.err
}

func decodeMeterConfigs(d *decoder) MeterConfigs {
	var ms MeterConfigs
	d.entries(0, meterConfigLen, func(e *decoder) {
		e.skip(2)
		m := MeterConfig{Flags: e.u16(), ID: e.u32()}
		m.Bands = decodeBands(e)
		if e.err != nil {
			d.err = e.err
		}
		ms = append(ms, m)
	})
	return ms
}
