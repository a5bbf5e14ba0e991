package openflow

import "encoding/binary"

// The asynchronous messages a controller can choose, for its role (section
// 7.3.10). Each mask is a set of reasons.
const (
	AsyncPacketInSlave     uint16 = 0
	AsyncPacketInMaster    uint16 = 1
	AsyncPortStatusSlave   uint16 = 2
	AsyncPortStatusMaster  uint16 = 3
	AsyncFlowRemovedSlave  uint16 = 4
	AsyncFlowRemovedMaster uint16 = 5
)

// AsyncMask chooses the reasons for which one kind of message is wanted.
type AsyncMask struct {
	Kind    uint16
	Reasons uint32
}

// AsyncConfig is the choice of asynchronous messages.
type AsyncConfig struct {
	Masks []AsyncMask
	Other []Property // of experimenters
}

// GetAsyncRequest asks for the AsyncConfig.
type GetAsyncRequest struct{}

// GetAsyncReply answers with it.
type GetAsyncReply struct{ AsyncConfig }

// SetAsync sets it.
type SetAsync struct{ AsyncConfig }

// Type returns TypeGetAsyncRequest.
func (*GetAsyncRequest) Type() Type { return TypeGetAsyncRequest }

// Type returns TypeGetAsyncReply.
func (*GetAsyncReply) Type() Type { return TypeGetAsyncReply }

// Type returns TypeSetAsync.
func (*SetAsync) Type() Type { return TypeSetAsync }

// AppendTo appends the message.
func (*GetAsyncRequest) AppendTo(b []byte, xid uint32) []byte {
	return empty(b, TypeGetAsyncRequest, xid)
}

// AppendTo appends the message.
func (m *GetAsyncReply) AppendTo(b []byte, xid uint32) []byte {
	return finish(m.appendAsync(begin(b, TypeGetAsyncReply, xid)), len(b))
}

// AppendTo appends the message.
func (m *SetAsync) AppendTo(b []byte, xid uint32) []byte {
	return finish(m.appendAsync(begin(b, TypeSetAsync, xid)), len(b))
}

func (c *AsyncConfig) appendAsync(b []byte) []byte {
	for _, k := range c.Masks {
		b = appendProperty(b, k.Kind, binary.BigEndian.AppendUint32(nil, k.Reasons))
	}
	return appendProperties(b, c.Other)
}

func decodeAsync(d *decoder) AsyncConfig {
	var c AsyncConfig
	for _, p := range decodeProperties(d) {
		if len(p.Data) == 4 && len(c.Other) == 0 {
			c.Masks = append(c.Masks, AsyncMask{p.Type, binary.BigEndian.Uint32(p.Data)})
		} else {
			c.Other = append(c.Other, p)
		}
	}
	return c
}
