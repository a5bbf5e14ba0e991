package e2e

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

const fiveTopology = `
name: five
underlay:
  segments: {lan: 192.0.2.0/24}
hosts:
  - {name: host1, address: 192.0.2.11/24}
  - {name: host2, address: 192.0.2.12/24}
  - {name: host3, address: 192.0.2.13/24}
  - {name: host4, address: 192.0.2.14/24}
  - {name: host5, address: 192.0.2.15/24}
networks:
  - {name: net1, subnets: [10.0.1.0/24], encap: geneve}
endpoints:
  - {name: one, network: net1}
  - {name: two, network: net1}
  - {name: three, network: net1}
  - {name: four, network: net1}
  - {name: five, network: net1}
containers:
  - {name: one, host: host1}
  - {name: two, host: host2}
  - {name: three, host: host3}
  - {name: four, host: host4}
  - {name: five, host: host5}
expect:
  - {from: one, to: five, reaches: true}
  - {from: four, to: two, reaches: true}
  - {from: three, to: one, reaches: true}
`

// While links come and go, hosts have tables of different moments. Whatever
// they have, no frame arrives twice; when all have the same, each arrives.
func TestFramesArriveOnceWhileLinksComeAndGo(t *testing.T) {
	s := up(t, fiveTopology)
	s.check()
	receivers := []string{"two", "three", "four", "five"}
	files := map[string]string{}
	for _, c := range receivers {
		files[c] = s.capture(c)
	}
	count := func(c string, mark []byte) int {
		text, err := os.ReadFile(files[c])
		s.must(err)
		return bytes.Count(text, mark)
	}
	one := s.endpoint("one")
	from, address := mac(one.MAC.Bytes), one.Addresses[0].Addr
	// marked sends a broadcast and a frame to each, and returns who is to get
	// which mark.
	marked := func() map[string][]string {
		wanted := map[string][]string{}
		var frames [][]byte
		send := func(to mac, destination string, who ...string) {
			mark := newMark()
			frames = append(frames, join(ethernet(to, from, unix.ETH_P_IP, udpIn(address, netip.MustParseAddr(destination), nil)), mark))
			wanted[string(mark)] = who
		}
		send(everybody, "10.0.1.255", receivers...)
		for _, c := range receivers {
			e := s.endpoint(c)
			send(mac(e.MAC.Bytes), e.Addresses[0].String(), c)
		}
		s.sends("one", frames...)
		return wanted
	}
	random := rand.New(rand.NewPCG(7, 11))
	sent := map[string][]string{}
	for range 12 {
		s.must(s.call("PUT", "/underlay", map[string]any{"links": randomLinks(random)}, nil))
		for range 3 {
			maps.Copy(sent, marked())
		}
	}
	// Each tries anew, for a frame may meet a link that is not up yet.
	s.within(soon, "frames arrive at everybody for whom they are", func() error {
		wanted := marked()
		maps.Copy(sent, wanted)
		s.check() // packets do not overtake these
		for mark, who := range wanted {
			for _, c := range who {
				if n := count(c, []byte(mark)); n != 1 {
					return fmt.Errorf("%s has a frame %d times", c, n)
				}
			}
		}
		return nil
	})
	arrived, due := 0, 0
	for mark, who := range sent {
		due += len(who)
		for _, c := range receivers {
			arrived += count(c, []byte(mark))
			switch n := count(c, []byte(mark)); {
			case n > 1:
				t.Errorf("%s has a frame %d times", c, n)
			case n == 1 && !slices.Contains(who, c):
				t.Errorf("%s has a frame that is for %v", c, who)
			}
		}
	}
	t.Logf("%d of %d arrived", arrived, due)
}

// randomLinks connect five hosts somehow.
func randomLinks(random *rand.Rand) []map[string]any {
	order := random.Perm(5)
	cost := map[[2]int]int{}
	for i := 1; i < 5; i++ {
		a, b := order[i], order[random.IntN(i)]
		cost[[2]int{min(a, b), max(a, b)}] = 1 + random.IntN(5)
	}
	for range random.IntN(4) {
		if a, b := random.IntN(5), random.IntN(5); a != b {
			cost[[2]int{min(a, b), max(a, b)}] = 1 + random.IntN(5)
		}
	}
	var links []map[string]any
	for pair, c := range cost {
		links = append(links, map[string]any{"hosts": []string{fmt.Sprintf("host%d", pair[0]+1), fmt.Sprintf("host%d", pair[1]+1)}, "cost": c})
	}
	return links
}
