package controller_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/weft-sdn/weft/controller"
	"github.com/weft-sdn/weft/model"
)

var routerMAC = [6]byte{0x02, 0x77, 0x65, 0x66, 0x74, 0x01}

// udp is a UDP packet of so many bytes in an Ethernet frame, with the flag that
// it must not be fragmented.
func udp(to, from [6]byte, src, dst string, ttl byte, size int) []byte {
	ip := make([]byte, size)
	copy(ip, []byte{0x45, 0, byte(size >> 8), byte(size), 0, 1, 0x40, 0, ttl, 17, 0, 0})
	copy(ip[12:], netip.MustParseAddr(src).AsSlice())
	copy(ip[16:], netip.MustParseAddr(dst).AsSlice())
	var sum uint32
	for i := 0; i < 20; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(ip[i:]))
	}
	binary.BigEndian.PutUint16(ip[10:], ^uint16(sum+sum>>16))
	copy(ip[20:], []byte{0x9c, 0x40, 0, 53, byte((size - 20) >> 8), byte(size - 20)}) // without a checksum
	return append(append(append([]byte{}, to[:]...), from[:]...), append([]byte{0x08, 0x00}, ip...)...)
}

// send hands a frame in at the port of an endpoint.
func (s *site) send(host int, port string, frame []byte) {
	s.Helper()
	if _, err := s.hosts[host-1].Control("netdev-dummy/receive", port, hex.EncodeToString(frame)); err != nil {
		s.Fatal(err)
	}
}

// record begins to record what a port sends, and returns what it has so far.
func (s *site) record(host int, port string) func() []byte {
	s.Helper()
	path := s.hosts[host-1].Path(port + ".pcap")
	s.hosts[host-1].VSCtl("set", "Interface", port, "options:tx_pcap="+path)
	return func() []byte {
		b, _ := os.ReadFile(path) // not there before the first frame
		return b
	}
}

func TestSendersAreToldWhatDoesNotArrive(t *testing.T) {
	s := newSite(t, 2)
	s.network("net1", "10.0.1.0/24", &model.Gateway{Addresses: addresses("10.0.1.1"), Mode: model.GatewaySNAT, Hosts: []string{"host1"}})
	one, two := s.endpoint("net1", "e1", 2), s.endpoint("net1", "e2", 1)
	s.synchronized()
	got := s.record(2, "p-e1")
	address := one.Addresses[0].String()

	answer := func(kind, code byte, rest ...byte) func() bool {
		gateway := netip.MustParseAddr("10.0.1.1").AsSlice()
		want := append(append(gateway, one.Addresses[0].AsSlice()...), kind, code)
		return func() bool {
			at := bytes.Index(got(), want)
			return at >= 0 && bytes.HasPrefix(got()[at+len(want)+2:], rest)
		}
	}
	s.send(2, "p-e1", udp(two.MAC.Bytes, one.MAC.Bytes, address, two.Addresses[0].String(), 64, 1480))
	eventually(t, "fragmentation needed", answer(3, 4, 0, 0, 0x05, 0xaa)) // 1450

	// The gateway host takes the packet's TTL, and answers through the tunnel,
	// of which there is none here: what the sender's own host routes is.
	s.network("net2", "10.0.2.0/24", &model.Gateway{Addresses: addresses("10.0.2.1"), Mode: model.GatewayLocal})
	if _, _, err := s.c.PutRouter(t.Context(), model.Router{Name: "r", Networks: []string{"net1", "net2"}}, controller.WriteOptions{Wait: true}); err != nil {
		t.Fatal(err)
	}
	s.send(2, "p-e1", udp(routerMAC, one.MAC.Bytes, address, "10.0.2.7", 1, 100))
	eventually(t, "time exceeded", answer(11, 0))
}

// connections are those that a host tracks in a zone.
func (s *site) connections(host int, zone string) int {
	s.Helper()
	out, err := s.hosts[host-1].Control("dpctl/dump-conntrack")
	if err != nil {
		s.Fatal(err)
	}
	return strings.Count(out+"\n", "zone="+zone+"\n")
}

func TestConnectionsEndWithWhomTheyBelongTo(t *testing.T) {
	s := newSite(t, 1)
	s.network("net1", "10.0.1.0/24", &model.Gateway{Mode: model.GatewaySNAT})
	one, two := s.endpoint("net1", "e1", 1), s.endpoint("net1", "e2", 1)
	s.becomes(1, "weft-gw", "mac", "02:77:65:67:00:01")
	s.synchronized()
	begin := func(e model.Endpoint) {
		s.send(1, "p-"+e.ID, udp(routerMAC, e.MAC.Bytes, e.Addresses[0].String(), "192.0.2.1", 64, 100))
	}
	begin(one)
	begin(two)
	eventually(t, "two connections", func() bool { return s.connections(1, "1") == 2 })
	if _, err := s.c.DeleteEndpoint(t.Context(), "e1", controller.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "one connection", func() bool { return s.connections(1, "1") == 1 })

	// Another network does not have the zone before it is empty.
	if _, err := s.c.DeleteNetwork(t.Context(), "net1", controller.WriteOptions{Force: true}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "no connection", func() bool { return s.connections(1, "1") == 0 })
	eventually(t, "the VNI to be free", func() bool {
		_, _, err := s.c.CreateNetwork(t.Context(), model.Network{Name: "net2", VNI: 4097, Subnets: []model.Prefix{model.MustPrefix("10.0.2.0/24")}, Gateway: &model.Gateway{Mode: model.GatewaySNAT}}, controller.WriteOptions{})
		return err == nil
	})
	three := s.endpoint("net2", "e3", 1)
	s.synchronized()
	begin(three)
	eventually(t, "a connection in the zone that was given again", func() bool { return s.connections(1, "1") == 1 })
}
