package membership

import (
	"fmt"
	"log"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
)

// Membership is a running member.
type Membership struct {
	cfg   Config
	list  *memberlist.Memberlist
	ring  *memberlist.Keyring
	table *table

	selfLock sync.Mutex
	self     self
	publish  chan struct{} // has a token when self is not published yet

	rotation sync.Mutex // one Rotate at a time
	keys     []Key

	stopping sync.Once
	done     chan struct{}
	workers  sync.WaitGroup // who publishes, and who calls Config.Changed
}

// goodbye is how long Leave tries to be heard.
const goodbye = 5 * time.Second

// Join starts a member. It does not wait for others: whom it reaches is in View,
// what keeps it from them is there among the problems, and it goes on trying.
func Join(cfg Config) (*Membership, error) {
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("join cluster %q as %q: %w", cfg.Cluster, cfg.Name, err)
	}
	m := &Membership{
		cfg: cfg, table: newTable(), keys: slices.Clone(cfg.Keys),
		publish: make(chan struct{}, 1), done: make(chan struct{}),
		// The clock lets what is said after a restart be newer than what was said
		// before. Where it does not, see heardOfSelf.
		self: self{role: cfg.Role, facts: cfg.Facts, keys: keyIDs(cfg.Keys), incarnation: uint64(time.Now().UnixMilli())},
	}
	if err := m.self.check(); err != nil {
		return nil, fmt.Errorf("join cluster %q as %q: %w", cfg.Cluster, cfg.Name, err)
	}
	if err := m.start(); err != nil {
		return nil, fmt.Errorf("join cluster %q as %q: %w", cfg.Cluster, cfg.Name, err)
	}
	if cfg.Changed != nil {
		m.workers.Go(m.deliver)
	}
	m.workers.Go(m.announce)
	go m.reach()
	return m, nil
}

func (m *Membership) start() error {
	conf := m.cfg.tuned()
	if len(m.keys) > 0 {
		var err error
		all := secrets(m.keys)
		if m.ring, err = memberlist.NewKeyring(all, all[0]); err != nil {
			return err
		}
		conf.Keyring = m.ring
	}
	conf.Logger = log.New(&listLog{m}, "", 0)
	d := &delegate{m}
	conf.Delegate, conf.Events, conf.Alive, conf.Conflict = d, d, d, d
	if err := m.cfg.listen(conf); err != nil {
		return err
	}
	var err error
	m.list, err = memberlist.Create(conf)
	return err
}

// View is what this member knows now.
func (m *Membership) View() View {
	members, problems := m.table.list()
	return View{Cluster: m.cfg.Cluster, Self: m.cfg.Name, Members: members, Problems: problems}
}

// UpdateFacts replaces all that this member says about itself.
func (m *Membership) UpdateFacts(facts Facts) error {
	if err := facts.check(); err != nil {
		return fmt.Errorf("publish facts of %q: %w", m.cfg.Name, err)
	}
	m.say(func(s *self) bool {
		changed := s.facts != facts
		s.facts = facts
		return changed
	})
	return nil
}

// say changes what this member says about itself, and has it published if the
// change says that it is one.
func (m *Membership) say(change func(*self) bool) {
	m.selfLock.Lock()
	changed := change(&m.self)
	if changed {
		m.self.incarnation++
	}
	m.selfLock.Unlock()
	if changed {
		select {
		case m.publish <- struct{}{}:
		default:
		}
	}
}

// announce publishes what this member says, whenever it changed.
func (m *Membership) announce() {
	for {
		select {
		case <-m.publish:
			// It is queued at once. Its error says that it was not sent yet, for
			// which there is nobody to wait.
			_ = m.list.UpdateNode(time.Nanosecond)
		case <-m.done:
			return
		}
	}
}

// deliver tells of changes.
func (m *Membership) deliver() {
	for {
		select {
		case <-m.table.changed:
		case <-m.done:
			return
		}
		for c, ok := m.table.next(); ok; c, ok = m.table.next() {
			m.cfg.Changed(c)
		}
	}
}

// Leave says goodbye, and then closes: the others do not wait for this member
// any more. It is for a host that goes for good; a restart is a mere Close.
func (m *Membership) Leave() error {
	if !m.stop() {
		return nil // it was closed before
	}
	defer m.Close()
	// The name may be another's by now, and the goodbye would be taken for his.
	if _, ok := m.table.disputed(m.cfg.Name); ok {
		return nil
	}
	// memberlist does not tell whether a member has left or died, so it is said
	// before. With announce stopped, what is waited for is this and nothing else.
	// By gossip most will hear it; controllers shall know.
	m.say(func(s *self) bool { s.leaving = true; return true })
	if err := m.list.UpdateNode(goodbye); err != nil {
		return fmt.Errorf("leave cluster %q as %q: %w: the others will find out by themselves", m.cfg.Cluster, m.cfg.Name, err)
	}
	_, controllers, _ := m.others()
	for _, at := range controllers {
		_ = m.contact(at) // the gossip may have reached it
	}
	if err := m.list.Leave(goodbye); err != nil {
		return fmt.Errorf("leave cluster %q as %q: %w: the others will find out by themselves", m.cfg.Cluster, m.cfg.Name, err)
	}
	return nil
}

// Close ends at once. For some seconds the others believe that the member is
// there. Neither Close nor Leave may be called from Config.Changed, for whose end
// they wait.
func (m *Membership) Close() {
	m.stop()
	_ = m.list.Shutdown() // always nil
}

// stop ends all but the gossip. It reports whether it was the first to do so.
func (m *Membership) stop() (first bool) {
	m.stopping.Do(func() { first = true; close(m.done) })
	m.workers.Wait()
	return first
}
