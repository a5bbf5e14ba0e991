package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/weft-sdn/weft/agent/hostside"
	"github.com/weft-sdn/weft/agent/localdb"
)

const (
	// period is how long a change goes unnoticed that no message tells of.
	period = 30 * time.Second
	// settle is how long is waited after a change in the kernel: they come in
	// swarms, and every restart of Docker is one.
	settle = 100 * time.Millisecond
	// grace is how long the interface may be missing before that is reported:
	// ovs-vswitchd makes it a moment after the controller asked for it, and makes
	// it anew when it restarts.
	grace = 2 * time.Second
	// farewell is how long Remove waits for the database.
	farewell = 5 * time.Second
)

// Ready is the report of a host whose gateway is as wanted; any other begins
// with Failed.
const (
	Ready  = "ready"
	Failed = "failed: "
)

// Config is what an agent has to be told.
type Config struct {
	OVSDB string // of this host, such as localdb.DefaultRemote
	Log   *slog.Logger
}

// Run keeps the host as its database says, until ctx ends. Then everything
// stays as it is.
func Run(ctx context.Context, cfg Config) error {
	host, err := hostside.Open()
	if err != nil {
		return err
	}
	defer host.Close()
	db, err := localdb.New(cfg.OVSDB, cfg.Log)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	changed := make(chan struct{}, 1)
	err = hostside.Watch(ctx, cfg.Log, func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	})
	if err != nil {
		return err
	}
	connected := make(chan struct{})
	go func() {
		defer close(connected)
		db.Run(ctx)
	}()
	defer func() { <-connected }()
	defer stop()

	a := agent{host: host, db: db, log: cfg.Log}
	due := time.NewTimer(period)
	settling := false
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
			if !settling {
				settling = true
				due.Reset(settle)
			}
			continue
		case <-db.Changed():
		case <-due.C:
		}
		settling = false
		due.Reset(a.reconcile())
	}
}

// agent is the loop's own.
type agent struct {
	host *hostside.Host
	db   *localdb.Client
	log  *slog.Logger

	reported  string
	complaint string    // about interfaces through which the host is in networks itself
	absent    time.Time // since when the interface is missing; zero if it is not
}

// reconcile makes the host as the database says, and tells the database. It
// returns when to do so again, if nothing happens before.
func (a *agent) reconcile() time.Duration {
	state, known := a.db.State()
	if !known {
		return period
	}
	selves := a.applySelves(state)
	success, err := a.apply(state)
	if !errors.Is(err, hostside.ErrNoInterface) {
		a.absent = time.Time{}
	} else if a.absent.IsZero() {
		a.absent = time.Now()
	}
	if wait := grace - time.Since(a.absent); wait > 0 && !a.absent.IsZero() {
		return wait
	}
	report := report(success, err)
	if report != a.reported {
		a.log.Info("host side of the gateway", "state", describe(report))
		a.reported = report
	}
	a.db.Report(report)
	if !selves {
		return grace
	}
	return period
}

// applySelves has the host be in networks itself, and reports whether it is. An
// interface comes a moment after its row.
func (a *agent) applySelves(state localdb.State) (done bool) {
	complaint := ""
	for _, name := range slices.Sorted(maps.Keys(state.Selves)) {
		if err := a.host.ApplySelf(name, state.Selves[name]); err != nil {
			complaint += err.Error() + "; "
		}
	}
	if complaint != a.complaint && complaint != "" {
		a.log.Warn("the host is not in all networks that it is to be in", "error", strings.TrimSuffix(complaint, "; "))
	}
	a.complaint = complaint
	return complaint == ""
}

// apply returns what to report if there is no error: nothing where there is no
// gateway.
func (a *agent) apply(state localdb.State) (success string, err error) {
	if state.Gateway == nil {
		return "", a.host.Remove()
	}
	wanted, err := hostside.Parse(state.Gateway)
	if err != nil {
		return Ready, fmt.Errorf("external_ids of interface %s: %w", hostside.Interface, err)
	}
	return Ready, a.host.Apply(wanted)
}

// report says on one line whether it worked.
func report(success string, err error) string {
	if err == nil {
		return success
	}
	return Failed + strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' }), "; ")
}

func describe(report string) string {
	if report == "" {
		return "not a gateway"
	}
	return report
}

// Remove takes the host side of a gateway away, and the report with it.
func Remove(ctx context.Context, cfg Config) error {
	host, err := hostside.Open()
	if err != nil {
		return err
	}
	defer host.Close()
	if err := errors.Join(host.Remove(), host.RemoveSelves()); err != nil {
		return err
	}
	ctx, stop := context.WithTimeout(ctx, farewell)
	defer stop()
	if err := localdb.Forget(ctx, cfg.OVSDB); err != nil {
		return errors.Join(errors.New("everything is taken away, but the report in OVSDB stays"), err)
	}
	return nil
}
