package lab

import (
	"context"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"
)

// responders are those that run now. Who needs them shares them.
type responders struct {
	mu      sync.Mutex
	running map[string]*shared // by machine and its addresses
}

type shared struct {
	*responder
	users int
}

// Respond starts a responder on every machine, those of containers that are not
// plugged excepted, and waits until they answer. Stop ends them, unless somebody
// else needs them.
func (l *Lab) Respond(ctx context.Context) (stop func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, checkPatience)
	defer cancel()
	ports := []uint16{responderPort}
	for _, f := range l.Topology.Forwards {
		f.Normalize()
		if p := uint16(f.EndpointPort); !slices.Contains(ports, p) {
			ports = append(ports, p)
		}
	}
	l.responders.mu.Lock()
	defer l.responders.mu.Unlock()
	if l.responders.running == nil {
		l.responders.running = map[string]*shared{}
	}
	var (
		all     errgroup.Group
		keys    []string
		started sync.Map // key → *responder
	)
	for _, m := range l.machines() { // a container that is not plugged has no addresses
		for _, a := range m.Addresses() {
			key := m.Name + " " + a.String()
			keys = append(keys, key)
			if l.responders.running[key] != nil {
				continue
			}
			all.Go(func() error {
				r, err := m.startResponder(ctx, a, ports...)
				if err == nil {
					started.Store(key, r)
				}
				return err
			})
		}
	}
	err = all.Wait()
	for _, key := range keys {
		if r, ok := started.Load(key); ok {
			l.responders.running[key] = &shared{responder: r.(*responder)}
		}
		if s := l.responders.running[key]; s != nil {
			s.users++
		}
	}
	if err != nil {
		l.responders.leave(keys)
		return nil, err
	}
	return sync.OnceFunc(func() {
		l.responders.mu.Lock()
		defer l.responders.mu.Unlock()
		l.responders.leave(keys)
	}), nil
}

// leave ends the responders that nobody needs any more. The caller has the lock.
func (r *responders) leave(keys []string) {
	for _, key := range keys {
		s := r.running[key]
		if s == nil {
			continue
		}
		if s.users--; s.users == 0 {
			s.stop()
			delete(r.running, key)
		}
	}
}
