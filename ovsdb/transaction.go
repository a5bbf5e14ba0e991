package ovsdb

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/ovn-kubernetes/libovsdb/ovsdb"
)

// transaction collects operations (RFC 7047 section 5.2), each with a note of
// what it is for, which is what an error shows.
type transaction struct {
	ops   []ovsdb.Operation
	doing []string
	rows  int // inserted so far
}

func (t *transaction) add(doing string, op ovsdb.Operation) {
	t.ops = append(t.ops, op)
	t.doing = append(t.doing, doing)
}

// insertRow returns the name by which the other operations of the transaction
// refer to the new row: a <named-uuid>.
func (t *transaction) insertRow(table, name string, row ovsdb.Row) ovsdb.UUID {
	t.rows++
	id := fmt.Sprintf("row%d", t.rows)
	t.add(fmt.Sprintf("create %s %q", table, name),
		ovsdb.Operation{Op: ovsdb.OperationInsert, Table: table, Row: row, UUIDName: id})
	return ovsdb.UUID{GoUUID: id}
}

func (t *transaction) updateRow(table, name, uuid string, row ovsdb.Row) {
	if len(row) == 0 {
		return
	}
	columns := slices.Sorted(maps.Keys(row))
	t.add(fmt.Sprintf("set %s of %s %q", columns, table, name),
		ovsdb.Operation{Op: ovsdb.OperationUpdate, Table: table, Where: byUUID(uuid), Row: row})
}

func (t *transaction) mutateRow(table, name, uuid string, mutations []ovsdb.Mutation) {
	if len(mutations) == 0 {
		return
	}
	var columns []string
	for _, m := range mutations {
		columns = append(columns, m.Column)
	}
	t.add(fmt.Sprintf("change %s of %s %q", slices.Compact(columns), table, name),
		ovsdb.Operation{Op: ovsdb.OperationMutate, Table: table, Where: byUUID(uuid), Mutations: mutations})
}

// byUUID names the row also where there can be but one: an empty where is
// refused by the server for mutate.
func byUUID(uuid string) []ovsdb.Condition {
	return []ovsdb.Condition{ovsdb.NewCondition("_uuid", ovsdb.ConditionEqual, ovsdb.UUID{GoUUID: uuid})}
}

func stringsMap(m map[string]string) ovsdb.OvsMap {
	out := ovsdb.OvsMap{GoMap: make(map[any]any, len(m))}
	for k, v := range m {
		out.GoMap[k] = v
	}
	return out
}

func setOf[T any](elements []T) ovsdb.OvsSet {
	out := ovsdb.OvsSet{GoSet: make([]any, 0, len(elements))}
	for _, e := range elements {
		out.GoSet = append(out.GoSet, e)
	}
	return out
}

// setKeys returns the mutations after which the map column has those keys with
// those values; its other keys stay. A map's insert keeps what a key has (RFC
// 7047 section 5.1), so the key is deleted first.
func setKeys(column string, have, want map[string]string) []ovsdb.Mutation {
	missing := make(map[string]string)
	var wrong []string
	for _, k := range slices.Sorted(maps.Keys(want)) {
		old, ok := have[k]
		if ok && old == want[k] {
			continue
		}
		missing[k] = want[k]
		if ok {
			wrong = append(wrong, k)
		}
	}
	var out []ovsdb.Mutation
	if len(wrong) > 0 {
		out = append(out, mutation(column, ovsdb.MutateOperationDelete, setOf(wrong)))
	}
	if len(missing) > 0 {
		out = append(out, mutation(column, ovsdb.MutateOperationInsert, stringsMap(missing)))
	}
	return out
}

func mutation(column string, how ovsdb.Mutator, value any) ovsdb.Mutation {
	return ovsdb.Mutation{Column: column, Mutator: how, Value: value}
}

// operationResult is one element of a transact's result (RFC 7047 section 4.1.3).
type operationResult struct {
	Error   string                       `json:"error"`
	Details string                       `json:"details"`
	UUID    json.RawMessage              `json:"uuid"`
	Rows    []map[string]json.RawMessage `json:"rows"`
}

// transact sends it and returns the result of each operation, or the error of
// the one because of which nothing was done.
func (c *Conn) transact(ctx context.Context, t *transaction) ([]operationResult, error) {
	c.transactions.Add(1)
	raw, err := c.peer.call(ctx, "transact", ovsdb.NewTransactArgs(database, t.ops...), nil)
	if err != nil {
		return nil, err
	}
	// The operations after one that failed have null for a result. One result
	// more than operations: the commit itself failed.
	var results []*operationResult
	if err := json.Unmarshal(raw, &results); err != nil {
		return nil, fmt.Errorf("%w: transact: %w", ErrNotOVSDB, err)
	}
	out := make([]operationResult, 0, len(results))
	for i, r := range results {
		if r == nil {
			break
		}
		if r.Error != "" {
			doing := "commit"
			if i < len(t.doing) {
				doing = t.doing[i]
			}
			return nil, &OperationError{Doing: doing, Cause: r.Error, Details: r.Details}
		}
		out = append(out, *r)
	}
	if len(out) < len(t.ops) {
		return nil, fmt.Errorf("%w: transact: %d results for %d operations", ErrNotOVSDB, len(out), len(t.ops))
	}
	return out, nil
}
