package attach

import (
	"testing"

	"github.com/moby/moby/api/types/container"

	"github.com/weft-sdn/weft/model"
)

func TestContainersAreCalled(t *testing.T) {
	all := containers{
		idOne:  {ID: idOne, Names: []string{"/other/doc1", "/doc1"}},
		idTwo:  {ID: idTwo, Names: []string{"/1111"}},
		"77ff": {ID: "77ff"},
	}
	for name, want := range map[string]string{
		"doc1":      idOne,
		"1111":      idTwo, // a name goes before the beginning of an id
		idOne:       idOne,
		"77":        "77ff",
		"11111":     "", // the beginning of two
		"doc":       "",
		"":          "",
		"other":     "",
		idOne + "0": "",
	} {
		if id, found := all.called(name); id != want || found != (want != "") {
			t.Errorf("%q is %q, %v, want %q", name, id, found, want)
		}
	}
}

func TestSharedNetworksAreRefused(t *testing.T) {
	for mode, refused := range map[container.NetworkMode]bool{"none": false, "bridge": false, "host": true, "container:abc": true} {
		if err := (one{network: mode}).ownsNetwork(); (err != nil) != refused {
			t.Errorf("%s: %v", mode, err)
		}
	}
}

func TestEndpointsAreKnownAsOurs(t *testing.T) {
	r := attachment(idOne)
	if short, ours := endpointContainer(model.Endpoint{ID: endpointID(r)}); !ours || short != idOne[:12] {
		t.Errorf("%s: %q, %v", endpointID(r), short, ours)
	}
	for _, id := range []string{"", "attach-", "attach-111111111111", "web-111111111111-eth0", idOne} {
		if short, ours := endpointContainer(model.Endpoint{ID: id}); ours {
			t.Errorf("%s is taken for ours, of container %s", id, short)
		}
	}
}

func TestAddresses(t *testing.T) {
	r := attachment(idOne)
	for text, has := range map[string]bool{"10.0.1.10": true, "fd00::10": true, "10.0.1.11": false} {
		wanted, err := parseAddresses([]string{text})
		if err != nil || sameAddress(r, wanted) != has {
			t.Errorf("%s: %v, want %v", text, err, has)
		}
	}
	if !sameAddress(r, nil) {
		t.Error("what asks for no address does not get one that is there")
	}
	for _, text := range []string{"", "10.0.1.10/24", "doc1"} {
		if _, err := parseAddresses([]string{text}); err == nil {
			t.Errorf("%q is taken for an address", text)
		}
	}
}
