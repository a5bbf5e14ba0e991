package simhost

import (
	"encoding/binary"
	"time"

	"github.com/weft-sdn/weft/openflow"
)

// bundle is what was put into an open bundle.
type bundle struct {
	flags uint16
	mods  []bundled
	used  time.Time
}

type bundled struct {
	mod
	xid     uint32
	message []byte // the beginning, for an error
}

func (b *bundle) drop() {
	for _, m := range b.mods {
		m.drop()
	}
	b.mods = nil
}

// idleBundle is how long Open vSwitch keeps a bundle that nothing happens to.
const idleBundle = 10 * time.Second

// bundle returns an open bundle, unless it was idle for too long.
func (c *conn) bundle(id uint32) (*bundle, *openflow.ErrorCode) {
	b := c.bundles[id]
	if b != nil && time.Since(b.used) > idleBundle {
		b.drop()
		delete(c.bundles, id)
		return nil, because(openflow.ErrBundleTimeout)
	}
	return b, nil
}

// bundleAddHeader is the length of a bundle-add before the message in it.
const bundleAddHeader = 16

func (c *conn) addToBundle(b []byte) *openflow.ErrorCode {
	if len(b) < bundleAddHeader+openflow.HeaderLen {
		return because(errBadLen)
	}
	outer, _ := openflow.ParseHeader(b) // it was parsed when it was read
	id, flags := binary.BigEndian.Uint32(b[8:]), binary.BigEndian.Uint16(b[14:])
	inner := b[bundleAddHeader:]
	h, err := openflow.ParseHeader(inner)
	if err != nil || h.Length > len(inner) {
		return because(errBadLen)
	}
	if h.XID != outer.XID {
		return because(errBundleXID)
	}
	if h.Type != openflow.TypeFlowMod && h.Type != openflow.TypeGroupMod {
		return because(errBundleMessage)
	}
	if refused := c.mayModify(); refused != nil {
		return refused
	}
	m, refused := decodeMod(inner[:h.Length])
	if refused != nil {
		return refused
	}
	open, refused := c.bundle(id)
	switch {
	case refused != nil:
	case open == nil:
		open = &bundle{flags: flags} // one that was not opened is opened so
		c.bundles[id] = open
	case open.flags != flags:
		refused = because(errBundleFlags)
	}
	if refused != nil {
		m.drop()
		if open != nil {
			open.drop()
			delete(c.bundles, id)
		}
		return refused
	}
	open.used = time.Now()
	const enough = 64
	open.mods = append(open.mods, bundled{m, h.XID, append([]byte(nil), inner[:min(h.Length, enough)]...)})
	return nil
}

func (c *conn) controlBundle(m *openflow.BundleControl, xid uint32, raw []byte) {
	b, refused := c.bundle(m.Bundle)
	switch {
	case refused != nil:
	case m.Step == openflow.BundleOpen:
		if b != nil {
			b.drop()
			delete(c.bundles, m.Bundle)
			refused = because(errBundleID)
			break
		}
		c.bundles[m.Bundle] = &bundle{flags: m.Flags, used: time.Now()}
	case m.Step != openflow.BundleClose && m.Step != openflow.BundleCommit && m.Step != openflow.BundleDiscard:
		refused = because(errBundleType)
	case b == nil:
		refused = because(errBundleID)
	case m.Step == openflow.BundleClose:
	default:
		delete(c.bundles, m.Bundle)
		if m.Step == openflow.BundleCommit && b.flags != m.Flags {
			refused = because(errBundleFlags)
		} else if m.Step == openflow.BundleCommit {
			refused = c.commit(b)
		}
		b.drop()
	}
	if refused != nil {
		c.refuse(*refused, xid, raw)
		return
	}
	m.Step++
	c.send(m, xid)
}

// commit does all that is in a bundle, or nothing. Of what fails, the message
// is named first and then the commit.
func (c *conn) commit(b *bundle) *openflow.ErrorCode {
	var u undo
	for _, m := range b.mods {
		if refused := m.apply(c.sw, &u); refused != nil {
			u.takeBack(c.sw)
			c.refuse(*refused, m.xid, m.message)
			return because(openflow.ErrMessageFailed)
		}
	}
	if len(b.mods) > 0 {
		u.keep(c, b.mods[0].xid)
	}
	return nil
}
