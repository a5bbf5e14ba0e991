package localdb

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/ovn-kubernetes/libovsdb/ovsdb"
)

// HostName is what this host calls itself in its database, by which the
// controller knows it unless another host has that name.
func HostName(ctx context.Context, remote string) (string, error) {
	path := strings.TrimPrefix(remote, "unix:")
	name, err := hostName(ctx, path)
	if err != nil {
		return "", fmt.Errorf("ask the local OVSDB at %s for the host's name: %w", path, err)
	}
	return name, nil
}

func hostName(ctx context.Context, path string) (string, error) {
	socket, err := new(net.Dialer).DialContext(ctx, "unix", path)
	if err != nil {
		return "", err
	}
	defer socket.Close()
	defer context.AfterFunc(ctx, func() { socket.Close() })()
	c := newConn(socket)
	err = c.send(request{ID: transactID, Method: "transact", Params: ovsdb.NewTransactArgs(database, ovsdb.Operation{
		Op: ovsdb.OperationSelect, Table: "Open_vSwitch", Columns: []string{"external_ids"}, Where: []ovsdb.Condition{},
	})})
	if err != nil {
		return "", err
	}
	var m message
	if err := json.NewDecoder(socket).Decode(&m); err != nil {
		return "", err
	}
	if err := transacted(m); err != nil {
		return "", err
	}
	var results []struct {
		Rows []ovsdb.Row `json:"rows"`
	}
	if err := json.Unmarshal(m.Result, &results); err != nil {
		return "", err
	}
	if len(results) == 0 || len(results[0].Rows) == 0 {
		return "", errors.New("the database has no Open_vSwitch row: has ovs-vswitchd ever run?")
	}
	ids := stringMap(results[0].Rows[0])
	name := strings.ToLower(cmp.Or(ids["hostname"], ids["system-id"]))
	if name == "" {
		return "", errors.New("neither external_ids:hostname nor external_ids:system-id is set")
	}
	return name, nil
}
