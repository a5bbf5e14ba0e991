package join

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// openVSwitch is the host's own. It is changed by ovs-vsctl, which comes with
// it: each call is one transaction.
type openVSwitch struct{ db string }

// newOpenVSwitch takes "unix:PATH". Open vSwitch's tools take a relative path
// for one in their own directory, and everybody else for one in the working
// directory.
func newOpenVSwitch(remote string) (openVSwitch, error) {
	path, ok := strings.CutPrefix(remote, "unix:")
	if !ok || path == "" {
		return openVSwitch{}, fmt.Errorf("%q is no local OVSDB such as unix:/var/run/openvswitch/db.sock", remote)
	}
	path, err := filepath.Abs(path)
	return openVSwitch{"unix:" + path}, err
}

// ovsTimeout bounds one call; ovsdb-server answers within milliseconds.
const ovsTimeout = 10 * time.Second

// vsctl runs one transaction. It does not wait for ovs-vswitchd.
func (o openVSwitch) vsctl(ctx context.Context, args ...string) (string, error) {
	return o.run(ctx, append([]string{"--no-wait"}, args...))
}

// vsctlDone waits until ovs-vswitchd has done it.
func (o openVSwitch) vsctlDone(ctx context.Context, args ...string) (string, error) {
	return o.run(ctx, args)
}

func (o openVSwitch) run(ctx context.Context, args []string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, ovsTimeout)
	defer cancel()
	c := exec.CommandContext(ctx, "ovs-vsctl", append([]string{"--db=" + o.db}, args...)...)
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	if err := c.Run(); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return "", fmt.Errorf("ovs-vsctl %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}

// root is the Open_vSwitch row.
type root struct {
	systemID    string
	externalIDs map[string]string
}

func (o openVSwitch) root(ctx context.Context) (root, error) {
	rows, err := o.list(ctx, "Open_vSwitch", "_uuid", "external_ids")
	if err != nil {
		return root{}, err
	}
	if len(rows) != 1 {
		return root{}, fmt.Errorf("the database of Open vSwitch at %s has %d rows in table Open_vSwitch and should have one: is ovsdb-server just starting?", o.db, len(rows))
	}
	r := root{externalIDs: rows[0].texts("external_ids")}
	r.systemID = r.externalIDs["system-id"]
	if r.systemID == "" {
		r.systemID = rows[0].text("_uuid") // as the controller does
	}
	return r, nil
}

// manager is a row of the Manager table: somebody whom ovsdb-server connects to.
type manager struct {
	id, target, cluster string // cluster: the mark of who made it
}

// markKey is the external_ids key of what Weft made, with the cluster's id.
const markKey = "weft"

func (o openVSwitch) managers(ctx context.Context) ([]manager, error) {
	rows, err := o.list(ctx, "Manager", "_uuid", "target", "external_ids")
	var all []manager
	for _, r := range rows {
		all = append(all, manager{r.text("_uuid"), r.text("target"), r.texts("external_ids")[markKey]})
	}
	return all, err
}

// row is one of a table, in the notation of RFC 7047 section 5.1.
type row map[string]json.RawMessage

func (o openVSwitch) list(ctx context.Context, table string, columns ...string) ([]row, error) {
	out, err := o.vsctl(ctx, "--format=json", "--columns="+strings.Join(columns, ","), "list", table)
	if err != nil {
		return nil, err
	}
	rows, err := parseTable([]byte(out))
	if err != nil {
		return nil, fmt.Errorf("understand table %s as ovs-vsctl lists it: %w", table, err)
	}
	return rows, nil
}

// parseTable reads what ovs-vsctl --format=json prints; it prints nothing where
// there are no rows and no table to speak of.
func parseTable(text []byte) ([]row, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, nil
	}
	var table struct {
		Headings []string
		Data     [][]json.RawMessage
	}
	if err := json.Unmarshal(text, &table); err != nil {
		return nil, err
	}
	var rows []row
	for _, cells := range table.Data {
		if len(cells) != len(table.Headings) {
			return nil, fmt.Errorf("%d cells under %d headings", len(cells), len(table.Headings))
		}
		r := row{}
		for i, cell := range cells {
			r[table.Headings[i]] = cell
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// text is a column with one string or one UUID, empty for none.
func (r row) text(column string) string {
	var s string
	if json.Unmarshal(r[column], &s) == nil {
		return s
	}
	var pair []string
	if json.Unmarshal(r[column], &pair) == nil && len(pair) == 2 && pair[0] == "uuid" {
		return pair[1]
	}
	return ""
}

// texts is a column with a map from strings to strings.
func (r row) texts(column string) map[string]string {
	out := map[string]string{}
	var pair []json.RawMessage
	var pairs [][2]string
	if json.Unmarshal(r[column], &pair) == nil && len(pair) == 2 && json.Unmarshal(pair[1], &pairs) == nil {
		for _, p := range pairs {
			out[p[0]] = p[1]
		}
	}
	return out
}

// quoted is a value as ovs-vsctl takes it, whatever is in it.
func quoted(value string) string { return strconv.Quote(value) }
