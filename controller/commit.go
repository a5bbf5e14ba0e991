package controller

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/hashicorp/go-memdb"

	"github.com/weft-sdn/weft/flows"
	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/store"
)

// Keys in the store, by what stands under them.
const (
	keyNetwork  = "network/"
	keyEndpoint = "endpoint/"
	keyPlace    = "place/"
	keyRouter   = "router/"
	keyForward  = "forward/"
	keyNIC      = "nic/"
	keyHost     = "host/"
	keyPresence = "presence/"
	keyUnderlay = "underlay/"
	keyUnused   = "unused/" // links that are not used
)

// committed is what a commit did to the programs of hosts.
type committed struct {
	revision uint64
	changes  []flows.HostChanges
}

// commit makes a change: it stores what must last, shows it to readers, puts
// it into the programs and hands those to the sessions. It runs in the loop.
func (c *Controller) commit(ctx context.Context, t *tx) (committed, error) {
	t.attendAll()
	changes := t.txn.Changes()
	ops := durable(changes)
	revision := c.revision
	if len(ops) > 0 {
		var err error
		if revision, err = c.store.Commit(ctx, nil, ops); err != nil {
			t.abort()
			return committed{}, storeError(err)
		}
		// Nobody has seen these records yet, so they may still be written to.
		for _, ch := range changes {
			switch r := ch.After.(type) {
			case *networkRecord:
				r.Revision = revision
			case *endpointRecord:
				r.Revision = revision
			case *routerRecord:
				r.Revision = revision
			case *forwardRecord:
				r.Revision = revision
			case *nicRecord:
				r.Revision = revision
			case *hostRecord:
				r.Revision = revision
			case *underlayRecord:
				r.Revision = revision
			}
		}
	}
	c.revision = revision
	changed := t.weave(c.fabric, changes)
	hostChanges := c.fabric.Flush()
	c.number(t, hostChanges)
	before := c.snapshot()
	t.txn.Commit()
	c.release(changes)
	c.wakeHosts(before, changed, changes)
	c.noteStale(before, changes)
	for _, f := range t.after {
		f()
	}
	c.push(hostChanges)
	return committed{revision: revision, changes: hostChanges}, nil
}

// number gives each changed program its generation, and notes on the places of
// the endpoints concerned which generation has them as they are now.
func (c *Controller) number(t *tx, changes []flows.HostChanges) {
	for _, hc := range changes {
		h := first[hostRecord](t.view, tableHost, byNumber, hc.Host)
		if h == nil {
			continue
		}
		l := *t.link(h.SystemID)
		l.Wanted++
		for _, ch := range hc.Changes {
			l.Flows += ch.After.Size() - ch.Before.Size()
		}
		t.put(tableLink, &l)
		for _, ch := range hc.Changes {
			kind := flows.Kind(ch.Key.Kind)
			if kind != flows.KindLocal && kind != flows.KindPort && kind != flows.KindAnswer {
				continue
			}
			e := first[endpointRecord](t.view, tableEndpoint, byNumber, ch.Key.Owner)
			if e == nil {
				continue
			}
			if p := t.place(e.ID); p.Host == h.SystemID && p.Generation != l.Wanted {
				now := *p
				now.Generation = l.Wanted
				t.put(tablePlace, &now)
			}
		}
	}
}

// durable are the operations that make the store follow a transaction.
func durable(changes memdb.Changes) []store.Op {
	var ops []store.Op
	for _, ch := range changes {
		switch ch.Table {
		case tableNetwork:
			ops = append(ops, keep(keyNetwork+either(ch).(*networkRecord).Name, ch.After))
		case tableEndpoint:
			ops = append(ops, keep(keyEndpoint+either(ch).(*endpointRecord).ID, ch.After))
		case tableRouter:
			ops = append(ops, keep(keyRouter+either(ch).(*routerRecord).Name, ch.After))
		case tableForward:
			f := either(ch).(*forwardRecord)
			ops = append(ops, keep(keyForward+f.Network+"/"+f.ID, ch.After))
		case tableNIC:
			n := either(ch).(*nicRecord)
			ops = append(ops, keep(keyNIC+url.PathEscape(n.SystemID)+"/"+url.PathEscape(n.Interface), ch.After))
		case tableHost:
			ops = append(ops, keep(keyHost+url.PathEscape(either(ch).(*hostRecord).SystemID), ch.After))
		case tablePresence:
			p := either(ch).(*presenceRecord)
			ops = append(ops, keep(fmt.Sprintf("%s%s/%d", keyPresence, url.PathEscape(p.Host), p.VNI), ch.After))
		case tableUnderlay:
			ops = append(ops, keep(keyUnderlay, ch.After))
		case tableAdjacency:
			if was, is := unused(ch.Before), unused(ch.After); was != is { // or not in the same way
				ops = append(ops, keepUnused(either(ch).(*adjacencyRecord), is))
			}
		case tablePlace:
			var before, after string
			if ch.Before != nil {
				before = ch.Before.(*placeRecord).Host
			}
			if ch.After != nil {
				after = ch.After.(*placeRecord).Host
			}
			if before == after {
				continue // what else there is of a place is seen again after a restart
			}
			record := ch.After
			if after == "" {
				record = nil
			}
			ops = append(ops, keep(keyPlace+either(ch).(*placeRecord).Endpoint, record))
		}
	}
	return ops
}

// unused says in which state a link is that is not used as it was declared; empty
// if it is, or there is none.
func unused(record any) string {
	if a, ok := record.(*adjacencyRecord); ok && !a.Used {
		return a.State
	}
	return ""
}

func keepUnused(a *adjacencyRecord, state string) store.Op {
	key := keyUnused + url.PathEscape(a.Hosts[0]) + "/" + url.PathEscape(a.Hosts[1])
	if state == "" {
		return store.Delete(key)
	}
	return keep(key, a)
}

func keep(key string, record any) store.Op {
	if record == nil {
		return store.Delete(key)
	}
	value, err := json.Marshal(record)
	if err != nil {
		panic(fmt.Sprintf("%s cannot be written as JSON: %v", key, err)) // records are ours: an error of this program
	}
	return store.Put(key, value)
}

// storeError says what a failed commit means for a request.
func storeError(err error) error {
	kind := model.Unavailable
	if errors.Is(err, store.ErrFull) {
		kind = model.OutOfDisk
	}
	return &model.Error{Kind: kind, Detail: "the change was not stored, and nothing was done: " + err.Error(), Err: err}
}

// load reads the state back at the start.
func (c *Controller) load() error {
	kvs, revision, err := c.store.List("")
	if err != nil {
		return err
	}
	c.revision = revision
	t := c.begin()
	defer t.txn.Abort()
	for _, kv := range kvs {
		if err := t.restore(kv); err != nil {
			return fmt.Errorf("read %s from the data directory: %w", kv.Key, err)
		}
	}
	t.adjoinStored()
	changes := t.txn.Changes()
	t.weave(c.fabric, changes)
	for _, hc := range c.fabric.Flush() {
		if h := first[hostRecord](t.view, tableHost, byNumber, hc.Host); h != nil {
			l := linkRecord{SystemID: h.SystemID, Wanted: 1}
			for _, ch := range hc.Changes {
				l.Flows += ch.After.Size()
			}
			t.put(tableLink, &l)
		}
	}
	t.txn.Commit()
	c.adopt(changes)
	return nil
}

func (t *tx) restore(kv store.KV) error {
	kind, rest, _ := strings.Cut(kv.Key, "/")
	var err error
	switch kind + "/" {
	case keyNetwork:
		r := &networkRecord{}
		err = json.Unmarshal(kv.Value, r)
		r.Revision = kv.Revision
		t.put(tableNetwork, r)
	case keyEndpoint:
		r := &endpointRecord{}
		err = json.Unmarshal(kv.Value, r)
		r.Revision = kv.Revision
		t.put(tableEndpoint, r)
	case keyRouter:
		r := &routerRecord{}
		err = json.Unmarshal(kv.Value, r)
		r.Revision = kv.Revision
		t.put(tableRouter, r)
	case keyForward:
		r := &forwardRecord{}
		err = json.Unmarshal(kv.Value, r)
		r.Revision = kv.Revision
		t.put(tableForward, r)
	case keyNIC:
		r := &nicRecord{}
		err = json.Unmarshal(kv.Value, r)
		r.Revision = kv.Revision
		t.put(tableNIC, r)
	case keyPlace:
		r := &placeRecord{Endpoint: rest}
		err = json.Unmarshal(kv.Value, r)
		t.put(tablePlace, r)
	case keyHost:
		r := &hostRecord{}
		err = json.Unmarshal(kv.Value, r)
		r.Revision = kv.Revision
		t.put(tableHost, r)
	case keyPresence:
		host, number, _ := strings.Cut(rest, "/")
		if host, err = url.PathUnescape(host); err != nil {
			return err
		}
		var vni uint64
		if vni, err = strconv.ParseUint(number, 10, 24); err != nil {
			return err
		}
		r := &presenceRecord{}
		err = json.Unmarshal(kv.Value, r)
		r.Host, r.VNI = host, uint32(vni)
		t.put(tablePresence, r)
	case keyUnderlay:
		r := &underlayRecord{Revision: kv.Revision}
		err = json.Unmarshal(kv.Value, r)
		t.put(tableUnderlay, r)
	case keyUnused:
		var ends [2]string
		if ends, err = unescapePair(rest); err != nil {
			return err
		}
		r := &adjacencyRecord{Hosts: ends}
		err = json.Unmarshal(kv.Value, r)
		t.put(tableAdjacency, r)
	default:
		return errors.New("unknown key: was it written by a newer version?")
	}
	return err
}

// unescapePair reads two names between which there is a slash.
func unescapePair(text string) (pair [2]string, err error) {
	one, other, _ := strings.Cut(text, "/")
	if pair[0], err = url.PathUnescape(one); err != nil {
		return pair, err
	}
	pair[1], err = url.PathUnescape(other)
	return pair, err
}
