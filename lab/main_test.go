package lab

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"sync"
	"testing"

	"github.com/weft-sdn/weft/model"
)

// TestMain makes the test binary double as the weft binary of the labs that
// the tests build: `TESTBINARY controller` answers as much of REST as a lab
// asks for, and programs no switch. It also is the processes that have to end
// for the sake of a test.
func TestMain(m *testing.M) {
	var err error
	switch {
	case len(os.Args) < 2:
	case os.Args[1] == "controller":
		err = http.ListenAndServe(restAddress, &standIn{refuses: slices.Contains(os.Args, refuse), installs: !slices.Contains(os.Args, neverInstall)})
	case os.Args[1] == dieBuilding:
		err = buildAndDie(os.Args[2], os.Args[3])
	case os.Args[1] == execInLab:
		err = execIn(os.Args[2], os.Args[3], os.Args[4:])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	flag.Parse()
	os.Exit(m.Run())
}

// Arguments for the stand-in controller.
const (
	refuse       = "--refuse"
	neverInstall = "--never-install"
)

// standIn says of every endpoint that it is installed, unless told otherwise.
type standIn struct {
	refuses, installs bool

	mu        sync.Mutex
	endpoints []model.Endpoint
}

func (s *standIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch r.Method + " " + r.URL.Path {
	case "GET /healthz":
	case "POST /apply":
		var d model.Document
		if err := json.NewDecoder(r.Body).Decode(&d); err != nil || s.refuses {
			w.WriteHeader(http.StatusConflict)
			fmt.Fprintf(w, `{"field":"networks[0].vni","detail":"5000 is taken"}`)
			return
		}
		s.endpoints = d.Endpoints
		for i := range s.endpoints {
			e := &s.endpoints[i]
			n := d.Networks[slices.IndexFunc(d.Networks, func(n model.Network) bool { return n.Name == e.Network })]
			e.ID, e.MTU, e.State = fmt.Sprintf("id-%d", i), 1450, model.Bound
			if s.installs {
				e.State = model.Installed
			}
			e.MAC = model.MACFrom([6]byte{2, 0x42, 0, 0, 0, byte(i)})
			for _, a := range e.Addresses {
				subnet, _ := n.SubnetOf(a.Addr)
				e.Prefixes = append(e.Prefixes, model.PrefixFrom(netip.PrefixFrom(a.Addr, subnet.Bits())))
			}
		}
	case "GET /endpoints":
		_ = json.NewEncoder(w).Encode(s.endpoints) // the peer went away
	case "GET /hosts", "GET /networks":
		fmt.Fprint(w, "[]")
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}
