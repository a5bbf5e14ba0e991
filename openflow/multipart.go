package openflow

import "encoding/binary"

// MultipartKind is the type of a multipart message (section 7.3.5).
type MultipartKind uint16

// The kinds known here.
const (
	KindDesc        MultipartKind = 0
	KindFlow        MultipartKind = 1
	KindTable       MultipartKind = 3
	KindPortStats   MultipartKind = 4
	KindGroupDesc   MultipartKind = 7
	KindMeterConfig MultipartKind = 10
	KindPortDesc    MultipartKind = 13
	KindFlowMonitor MultipartKind = 16
)

// MultipartBody is what a multipart request or reply is about.
type MultipartBody interface {
	Kind() MultipartKind
	appendBody(b []byte) []byte
}

// MultipartRequest asks for something whose answer may take several messages.
type MultipartRequest struct {
	Flags uint16
	Body  MultipartBody
}

// MultipartReply is one of the messages of an answer.
type MultipartReply struct {
	Flags uint16
	Body  MultipartBody
}

// multipartMore is the flag that another message of the same answer follows.
const multipartMore = 1

// More tells whether another message of the same answer follows.
func (m *MultipartReply) More() bool { return m.Flags&multipartMore != 0 }

// Type returns TypeMultipartRequest.
func (*MultipartRequest) Type() Type { return TypeMultipartRequest }

// Type returns TypeMultipartReply.
func (*MultipartReply) Type() Type { return TypeMultipartReply }

// AppendTo appends the message.
func (m *MultipartRequest) AppendTo(b []byte, xid uint32) []byte {
	return appendMultipart(b, TypeMultipartRequest, xid, m.Flags, m.Body)
}

// AppendTo appends the message.
func (m *MultipartReply) AppendTo(b []byte, xid uint32) []byte {
	return appendMultipart(b, TypeMultipartReply, xid, m.Flags, m.Body)
}

func appendMultipart(b []byte, t Type, xid uint32, flags uint16, body MultipartBody) []byte {
	start := len(b)
	b = begin(b, t, xid)
	b = binary.BigEndian.AppendUint16(b, uint16(body.Kind()))
	b = binary.BigEndian.AppendUint16(b, flags)
	b = zeros(b, 4)
	return finish(body.appendBody(b), start)
}

// MultipartHeader reads what precedes the body of a multipart message b, for
// readers that take a long answer apart by themselves, flow by flow.
func MultipartHeader(b []byte) (kind MultipartKind, more bool, body []byte, err error) {
	d := &decoder{b: b}
	d.skip(HeaderLen)
	kind, flags := MultipartKind(d.u16()), d.u16()
	d.skip(4)
	return kind, flags&multipartMore != 0, d.b, d.err
}

func decodeMultipartRequest(d *decoder) Message {
	kind, flags := MultipartKind(d.u16()), d.u16()
	d.skip(4)
	m := &MultipartRequest{Flags: flags}
	switch kind {
	case KindFlow:
		m.Body = decodeFlowStatsRequest(d)
	case KindPortStats:
		r := &PortStatsRequest{Port: d.u32()}
		d.skip(4)
		m.Body = r
	case KindMeterConfig:
		r := &MeterConfigRequest{Meter: d.u32()}
		d.skip(4)
		m.Body = r
	case KindFlowMonitor:
		m.Body = decodeFlowMonitorRequest(d)
	default:
		m.Body = &UnknownMultipart{kind, d.rest()}
	}
	return m
}

func decodeMultipartReply(d *decoder) Message {
	kind, flags := MultipartKind(d.u16()), d.u16()
	d.skip(4)
	m := &MultipartReply{Flags: flags}
	switch kind {
	case KindDesc:
		m.Body = decodeDesc(d)
	case KindFlow:
		m.Body = decodeFlowStatsReply(d)
	case KindTable:
		m.Body = decodeTableStats(d)
	case KindPortStats:
		var ps PortStatsList
		d.entries(0, portStatsLen, func(e *decoder) { ps = append(ps, decodePortStatistics(e)) })
		m.Body = ps
	case KindGroupDesc:
		m.Body = decodeGroupDescs(d)
	case KindPortDesc:
		m.Body = decodePortDescs(d)
	case KindMeterConfig:
		m.Body = decodeMeterConfigs(d)
	case KindFlowMonitor:
		m.Body = decodeFlowUpdates(d)
	default:
		m.Body = &UnknownMultipart{kind, d.rest()}
	}
	return m
}

// UnknownMultipart is a body that this package does not know; requests that
// have no body are also written with it.
type UnknownMultipart struct {
	K    MultipartKind
	Data []byte
}

// Kind returns the kind it came with.
func (u *UnknownMultipart) Kind() MultipartKind { return u.K }

func (u *UnknownMultipart) appendBody(b []byte) []byte { return append(b, u.Data...) }

// NewMultipartRequest returns a request that needs no body: KindDesc,
// KindTable, KindGroupDesc, KindPortDesc.
func NewMultipartRequest(k MultipartKind) *MultipartRequest {
	return &MultipartRequest{Body: &UnknownMultipart{K: k}}
}

// PortStatsRequest asks for the counters of a port, or of all with PortAny.
type PortStatsRequest struct{ Port uint32 }

// Kind returns KindPortStats.
func (*PortStatsRequest) Kind() MultipartKind { return KindPortStats }

func (r *PortStatsRequest) appendBody(b []byte) []byte {
	return zeros(binary.BigEndian.AppendUint32(b, r.Port), 4)
}

// PortStatsList is the body of a port statistics reply.
type PortStatsList []PortStatistics

// Kind returns KindPortStats.
func (PortStatsList) Kind() MultipartKind { return KindPortStats }

func (ps PortStatsList) appendBody(b []byte) []byte {
	for i := range ps {
		b = ps[i].appendTo(b)
	}
	return b
}

// Kind returns KindPortDesc.
func (PortDescs) Kind() MultipartKind { return KindPortDesc }

func (ps PortDescs) appendBody(b []byte) []byte {
	for i := range ps {
		b = ps[i].appendTo(b)
	}
	return b
}

// Kind returns KindGroupDesc.
func (GroupDescs) Kind() MultipartKind { return KindGroupDesc }

func (gs GroupDescs) appendBody(b []byte) []byte {
	for i := range gs {
		b = gs[i].appendTo(b)
	}
	return b
}

// Desc describes a switch in words.
type Desc struct {
	Manufacturer, Hardware, Software, SerialNumber, Datapath string
}

// Kind returns KindDesc.
func (*Desc) Kind() MultipartKind { return KindDesc }

const (
	descLen   = 256
	serialLen = 32
)

func (m *Desc) appendBody(b []byte) []byte {
	b = appendPadded(b, m.Manufacturer, descLen)
	b = appendPadded(b, m.Hardware, descLen)
	b = appendPadded(b, m.Software, descLen)
	b = appendPadded(b, m.SerialNumber, serialLen)
	return appendPadded(b, m.Datapath, descLen)
}

func decodeDesc(d *decoder) *Desc {
	return &Desc{
		Manufacturer: cString(d.next(descLen)),
		Hardware:     cString(d.next(descLen)),
		Software:     cString(d.next(descLen)),
		SerialNumber: cString(d.next(serialLen)),
		Datapath:     cString(d.next(descLen)),
	}
}

// TableStats counts the lookups of a table.
type TableStats struct {
	Table   uint8
	Active  uint32
	Lookups uint64
	Matches uint64
}

// TableStatsList is the body of a table statistics reply.
type TableStatsList []TableStats

// Kind returns KindTable.
func (TableStatsList) Kind() MultipartKind { return KindTable }

func (ts TableStatsList) appendBody(b []byte) []byte {
	for _, t := range ts {
		b = append(b, t.Table, 0, 0, 0)
		b = binary.BigEndian.AppendUint32(b, t.Active)
		b = binary.BigEndian.AppendUint64(b, t.Lookups)
		b = binary.BigEndian.AppendUint64(b, t.Matches)
	}
	return b
}

func decodeTableStats(d *decoder) TableStatsList {
	var ts TableStatsList
	for d.err == nil && len(d.b) > 0 {
		t := TableStats{Table: d.u8()}
		d.skip(3)
		t.Active, t.Lookups, t.Matches = d.u32(), d.u64(), d.u64()
		ts = append(ts, t)
	}
	return ts
}
