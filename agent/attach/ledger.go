package attach

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"slices"

	"github.com/weft-sdn/weft/agent/statefile"
	"github.com/weft-sdn/weft/model"
)

// Attachment is one interface of a container. It is remembered for as long as
// the container exists, running or not.
type Attachment struct {
	Container string `json:"container"` // Docker's id, in full
	Name      string `json:"name"`      // how the port names it, as it was typed
	Interface string `json:"interface"`
	Network   string `json:"network,omitempty"`  // not known of every port of ovs-docker's
	Endpoint  string `json:"endpoint,omitempty"` // id at the controller, where it is known
	Made      bool   `json:"made,omitempty"`     // this agent declared it, and so it goes with the attachment

	// What the interface looks like.
	MAC       model.MAC      `json:"mac"`
	MTU       int            `json:"mtu"`
	Addresses []netip.Prefix `json:"addresses,omitempty"`
	Gateways  []netip.Addr   `json:"gateways,omitempty"`

	Port string `json:"port,omitempty"` // on br-weft
	Run  string `json:"run,omitempty"`  // which run of the container is plugged in, by when it began; none if empty

	Declaring bool `json:"declaring,omitempty"` // the controller has not answered yet
	Detached  bool `json:"detached,omitempty"`  // by command, though its label says otherwise
	Stock     bool `json:"stock,omitempty"`     // ovs-docker plugged it in
	Complete  bool `json:"complete,omitempty"`  // and what it left out is done
}

func (r *Attachment) key() string { return key(r.Container, r.Interface) }

func key(container, iface string) string { return container + "/" + iface }

// ledger keeps attachments on disk. Who holds the attacher's lock may use it.
type ledger struct {
	file string
	now  struct {
		Attachments map[string]*Attachment `json:"attachments"`
		Later       []string               `json:"later,omitempty"` // ids of endpoints to be deleted
	}
}

func openLedger(file string) (*ledger, error) {
	l := &ledger{file: file}
	text, err := os.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("read what is attached: %w", err)
	default:
		if err := json.Unmarshal(text, &l.now); err != nil {
			return nil, fmt.Errorf("read what is attached from %s: %w; if it cannot be repaired remove it: what runs is found again, and what is stopped has to be attached again", file, err)
		}
	}
	if l.now.Attachments == nil {
		l.now.Attachments = make(map[string]*Attachment)
	}
	for k, r := range l.now.Attachments {
		if r == nil || k != r.key() {
			return nil, fmt.Errorf("read what is attached from %s: %q is not the attachment that it says: repair or remove the file", file, k)
		}
	}
	return l, nil
}

// put remembers an attachment.
func (l *ledger) put(r Attachment) error {
	l.now.Attachments[r.key()] = &r
	l.now.Later = slices.DeleteFunc(l.now.Later, func(id string) bool { return id == r.Endpoint })
	return l.save()
}

// drop forgets an attachment, and remembers that its endpoint has to go.
func (l *ledger) drop(r Attachment) error {
	delete(l.now.Attachments, r.key())
	if r.Made {
		l.now.Later = append(l.now.Later, r.Endpoint)
	}
	return l.save()
}

// list is a copy of the attachments, in a fixed order.
func (l *ledger) list() []Attachment {
	var all []Attachment
	for _, k := range slices.Sorted(maps.Keys(l.now.Attachments)) {
		all = append(all, *l.now.Attachments[k])
	}
	return all
}

// of is the attachment of a container's interface.
func (l *ledger) of(container, iface string) (r Attachment, known bool) {
	if have := l.now.Attachments[key(container, iface)]; have != nil {
		return *have, true
	}
	return r, false
}

func (l *ledger) save() error {
	if err := statefile.Save(l.file, &l.now); err != nil {
		return fmt.Errorf("remember what is attached: %w", err)
	}
	return nil
}
