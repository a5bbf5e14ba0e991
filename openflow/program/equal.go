package program

import "slices"

// Equal reports whether two fragments have the same key, flows and groups,
// written in the same order.
func (f *Fragment) Equal(o *Fragment) bool {
	return f.Key == o.Key && slices.Equal(f.Flows, o.Flows) && slices.Equal(f.Groups, o.Groups)
}

// Size is how many flows and groups a fragment has; none has none.
func (f *Fragment) Size() int {
	if f == nil {
		return 0
	}
	return len(f.Flows) + len(f.Groups)
}
