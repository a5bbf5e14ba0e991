package lab

import (
	"context"
	"net"
	"net/netip"
)

// dial connects from inside the namespace. The address has to be numeric:
// looking a name up would leave the thread, and with it the namespace.
func (n namespace) dial(ctx context.Context, d *net.Dialer, network, address string) (conn net.Conn, err error) {
	err = n.do(func() (err error) {
		conn, err = d.DialContext(ctx, network, address)
		return err
	})
	return conn, err
}

// dialFrom is dial over TCP or UDP from a port, and an address unless it is not
// specified.
func (n namespace) dialFrom(ctx context.Context, network string, from, to netip.AddrPort) (net.Conn, error) {
	d := &net.Dialer{}
	switch {
	case !from.IsValid():
	case network == overTCP:
		d.LocalAddr = net.TCPAddrFromAddrPort(from)
	default:
		d.LocalAddr = net.UDPAddrFromAddrPort(from)
	}
	return n.dial(ctx, d, network, to.String())
}
