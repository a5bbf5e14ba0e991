package ipam

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/weft-sdn/weft/model"
)

func subnet(t testing.TB, prefix string, reserved ...string) *Subnet {
	t.Helper()
	s, err := NewSubnet(netip.MustParsePrefix(prefix), addrs(reserved)...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func addrs(texts []string) (parsed []netip.Addr) {
	for _, text := range texts {
		parsed = append(parsed, netip.MustParseAddr(text))
	}
	return parsed
}

// fill takes the lowest address until there is none.
func fill(t testing.TB, s *Subnet) (taken []netip.Addr, exhausted *ExhaustedError) {
	t.Helper()
	for {
		addr, err := s.Lowest()
		if err != nil {
			if !errors.As(err, &exhausted) {
				t.Fatal(err)
			}
			return taken, exhausted
		}
		if err := s.Take(addr); err != nil {
			t.Fatalf("the lowest free address cannot be taken: %v", err)
		}
		taken = append(taken, addr)
	}
}

func TestSmallSubnetsGiveExactlyTheirUsableAddresses(t *testing.T) {
	for _, test := range []struct {
		prefix   string
		reserved []string
		want     string
	}{
		{"10.0.0.0/29", []string{"10.0.0.1"}, "10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.5 10.0.0.6"},
		{"10.0.0.8/29", []string{"10.0.0.10", "10.0.0.14"}, "10.0.0.9 10.0.0.11 10.0.0.12 10.0.0.13"},
		{"10.0.0.0/30", nil, "10.0.0.1 10.0.0.2"},
		{"10.0.0.0/30", []string{"10.0.0.1", "10.0.0.1", "fd00::1", "10.9.9.9", "10.0.0.0", "10.0.0.3"}, "10.0.0.2"},
		{"10.0.0.2/31", nil, "10.0.0.2 10.0.0.3"},
		{"10.0.0.2/31", []string{"10.0.0.2"}, "10.0.0.3"},
		{"10.0.0.2/32", nil, "10.0.0.2"},
		{"10.0.0.2/32", []string{"10.0.0.2"}, ""},
		{"fd00::/125", []string{"fd00::1"}, "fd00::2 fd00::3 fd00::4 fd00::5 fd00::6 fd00::7"},
		{"fd00::/127", nil, "fd00:: fd00::1"},
		{"fd00::/128", nil, "fd00::"},
	} {
		t.Run(test.prefix+" "+strings.Join(test.reserved, " "), func(t *testing.T) {
			s := subnet(t, test.prefix, test.reserved...)
			size := s.Size()
			taken, exhausted := fill(t, s)
			if got := strings.Trim(fmt.Sprint(taken), "[]"); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			want := ExhaustedError{Range: test.prefix, Used: uint64(len(taken)), Size: uint64(len(taken))}
			if *exhausted != want || size != want.Size || s.Used() != want.Used {
				t.Errorf("got %+v, size %d, used %d; want %+v", *exhausted, size, s.Used(), want)
			}
		})
	}
}

func TestExhaustedSaysHowManyAreInUse(t *testing.T) {
	s := subnet(t, "10.0.1.0/24", "10.0.1.1")
	_, exhausted := fill(t, s)
	if got, want := exhausted.Error(), "nothing is free in 10.0.1.0/24: 253 of 253 are in use"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWideSubnetsStartAtTheirFirstAddress(t *testing.T) {
	for _, test := range []struct {
		prefix, first, far, second string
		size                       uint64
	}{
		{"10.0.0.0/8", "10.0.0.1", "10.255.255.254", "10.0.0.2", 1<<24 - 2},
		{"fd00:1::/64", "fd00:1::1", "fd00:1::ffff:ffff:ffff:ffff", "fd00:1::2", 1<<64 - 1},
		{"fd00:1::/48", "fd00:1::1", "fd00:1:0:ffff:ffff:ffff:ffff:ffff", "fd00:1::2", 1<<64 - 1},
		{"2000::/3", "2000::1", "3fff::1", "2000::2", 1<<64 - 1},
	} {
		s := subnet(t, test.prefix)
		if s.Size() != test.size {
			t.Errorf("%s: size %d, want %d", test.prefix, s.Size(), test.size)
		}
		for _, want := range []string{test.first, test.second} {
			addr, err := s.Lowest()
			if err != nil || addr.String() != want {
				t.Errorf("%s: lowest is %v (%v), want %s", test.prefix, addr, err, want)
			}
			if err := s.Take(addr); err != nil {
				t.Error(err)
			}
			s.Take(netip.MustParseAddr(test.far))
		}
		if err := s.Take(netip.MustParseAddr(test.far)); !errors.Is(err, ErrInUse) {
			t.Errorf("%s: taking %s again: %v, want ErrInUse", test.prefix, test.far, err)
		}
	}
}

func TestUnusableAddressesAreRefusedWithTheReason(t *testing.T) {
	for _, test := range []struct{ prefix, addr, want string }{
		{"10.0.1.0/24", "10.0.1.0", "10.0.1.0 is the network address of 10.0.1.0/24"},
		{"10.0.1.0/24", "10.0.1.255", "10.0.1.255 is the broadcast address of 10.0.1.0/24"},
		{"10.0.0.0/9", "10.127.255.255", "10.127.255.255 is the broadcast address of 10.0.0.0/9"},
		{"10.0.1.0/24", "10.0.1.1", "10.0.1.1 is the gateway's address"},
		{"10.0.1.0/24", "10.0.1.7", "10.0.1.7 is in use"},
		{"10.0.1.0/24", "10.0.2.1", "10.0.2.1 is not in 10.0.1.0/24"},
		{"10.0.1.0/24", "fd00::1", "fd00::1 is not in 10.0.1.0/24"},
		{"10.0.1.0/24", "::ffff:10.0.1.5", "::ffff:10.0.1.5 is an IPv4 address in IPv6 form, write it as 10.0.1.5"},
		{"fd00::/64", "fd00::", "fd00:: is the subnet-router anycast address of fd00::/64 (RFC 4291, section 2.6.1)"},
		{"fd00::/64", "fd00::5%eth0", "fd00::5%eth0: an address here has no zone"},
	} {
		s := subnet(t, test.prefix, "10.0.1.1")
		s.Take(netip.MustParseAddr("10.0.1.7"))
		if err := s.Take(netip.MustParseAddr(test.addr)); err == nil || err.Error() != test.want {
			t.Errorf("%s in %s: got %v, want %s", test.addr, test.prefix, err, test.want)
		}
	}
}

func TestPrefixesThatCannotBeSubnets(t *testing.T) {
	for _, prefix := range []string{
		"0.0.0.0/0", "0.0.0.0/31", "127.0.0.0/8", "224.0.0.0/24", "255.255.255.254/31", "10.0.0.1/24", "169.254.0.0/16",
		"::/0", "::/127", "fe80::/64", "ff02::/64", "::ffff:10.0.0.0/120",
	} {
		if _, err := NewSubnet(netip.MustParsePrefix(prefix)); err == nil {
			t.Errorf("%s: accepted", prefix)
		}
	}
	if _, err := NewSubnet(netip.Prefix{}); err == nil {
		t.Error("no prefix: accepted")
	}
}

func TestGiveFreesOnlyWhatIsInUse(t *testing.T) {
	s := subnet(t, "10.0.1.0/29", "10.0.1.1")
	fill(t, s)
	for _, addr := range addrs([]string{"10.0.1.0", "10.0.1.1", "10.0.1.7", "10.0.2.3", "fd00::1"}) {
		if s.Give(addr) {
			t.Errorf("%s was given back, and was never taken", addr)
		}
	}
	four := netip.MustParseAddr("10.0.1.4")
	if !s.Give(four) || s.Give(four) {
		t.Errorf("%s can be given back once", four)
	}
	if addr, err := s.Lowest(); addr != four || err != nil {
		t.Errorf("lowest is %v (%v), want %s", addr, err, four)
	}
}

// TestSubnetEqualsASearchFromTheStart takes and gives at random and compares with the obvious way to find the lowest.
func TestSubnetEqualsASearchFromTheStart(t *testing.T) {
	const seed = 1
	random := rand.New(rand.NewPCG(seed, seed))
	for _, prefix := range []string{"10.3.0.0/21", "10.3.1.64/26", "10.3.1.64/27", "fd00:7::/117", "10.0.0.2/31"} {
		p := netip.MustParsePrefix(prefix)
		var all []netip.Addr
		for addr := p.Addr(); p.Contains(addr); addr = addr.Next() {
			all = append(all, addr)
		}
		gateway := all[random.IntN(len(all))]
		s := subnet(t, prefix, gateway.String())
		used := map[netip.Addr]bool{}
		for step := range 6000 {
			// Three times full and empty again, so that words fill at all levels.
			filling := step/1000%2 == 0
			addr := all[random.IntN(len(all))]
			switch {
			case filling && random.IntN(4) > 0:
				var err error
				if addr, err = s.Lowest(); err != nil {
					break
				}
				fallthrough
			case filling:
				possible := model.CheckHostAddress("", p, addr) == nil && addr != gateway && !used[addr]
				if err := s.Take(addr); (err == nil) != possible {
					t.Fatalf("seed %d, %s, step %d: take %s: %v", seed, prefix, step, addr, err)
				}
				if possible {
					used[addr] = true
				}
			default:
				if s.Give(addr) != used[addr] {
					t.Fatalf("seed %d, %s, step %d: give %s is wrong", seed, prefix, step, addr)
				}
				delete(used, addr)
			}
			i := slices.IndexFunc(all, func(a netip.Addr) bool { return model.CheckHostAddress("", p, a) == nil && a != gateway && !used[a] })
			got, err := s.Lowest()
			if i < 0 && err == nil || i >= 0 && got != all[i] || s.Used() != uint64(len(used)) {
				t.Fatalf("seed %d, %s, step %d: lowest is %v (%v), used %d of %d", seed, prefix, step, got, err, s.Used(), len(used))
			}
		}
	}
}

func FuzzSubnet(f *testing.F) {
	f.Add("10.0.0.0/24", "10.0.0.1", "10.0.0.2")
	f.Add("fd00::/64", "fd00::1", "fd00::ffff")
	f.Add("10.0.0.0/31", "10.0.0.0", "10.0.0.1")
	f.Add("fd00::/3", "::", "ffff::")
	f.Fuzz(func(t *testing.T, prefixText, gatewayText, wantedText string) {
		prefix, _ := netip.ParsePrefix(prefixText)
		gateway, _ := netip.ParseAddr(gatewayText)
		wanted, _ := netip.ParseAddr(wantedText)
		s, err := NewSubnet(prefix, gateway)
		if err != nil {
			return
		}
		if err := s.Take(wanted); err == nil && (!prefix.Contains(wanted) || wanted == gateway || s.Take(wanted) == nil) {
			t.Fatalf("%s was taken in %s with gateway %s", wanted, prefix, gateway)
		}
		lowest, err := s.Lowest()
		if err != nil {
			if hostBits(prefix) > 2 {
				t.Fatal(err)
			}
			return
		}
		if lowest == gateway || lowest == wanted || model.CheckHostAddress("", prefix, lowest) != nil || s.Take(lowest) != nil || !s.Give(lowest) {
			t.Fatalf("the lowest of %s is %s, with gateway %s and %s in use", prefix, lowest, gateway, wanted)
		}
	})
}

func BenchmarkLowestWith100000InUse(b *testing.B) {
	for _, prefix := range []string{"10.0.0.0/15", "fd00::/64"} {
		b.Run(prefix, func(b *testing.B) {
			s := subnet(b, prefix)
			var low netip.Addr
			for range 100_000 {
				addr, _ := s.Lowest()
				s.Take(addr)
				if !low.IsValid() {
					low = addr
				}
			}
			for b.Loop() {
				// The worst for a search from the start, or from the last place where something was free.
				s.Give(low)
				s.Take(low)
				addr, _ := s.Lowest()
				s.Take(addr)
				s.Give(addr)
			}
		})
	}
}
