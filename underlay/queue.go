package underlay

// reached is a host with its distance, so packed that the nearest is the
// smallest number.
type reached uint64

const (
	hostBits = 12 // hosts have numbers of 12 bits
	hostMask = 1<<hostBits - 1
)

func reach(far distance, host int) reached { return reached(far)<<hostBits | reached(host) }

func (r reached) far() distance { return distance(r >> hostBits) }
func (r reached) host() int     { return int(r & hostMask) }

// queue is a binary heap, the nearest first. That of container/heap takes
// twice as long, because each entry becomes an interface value.
type queue []reached

func (q *queue) push(r reached) {
	h := append(*q, r)
	*q = h
	for i := len(h) - 1; i > 0; {
		up := (i - 1) / 2
		if h[up] <= r {
			break
		}
		h[i], h[up] = h[up], r
		i = up
	}
}

func (q *queue) pop() reached {
	h := *q
	top, last := h[0], h[len(h)-1]
	h = h[:len(h)-1]
	*q = h
	for i := 0; ; {
		down := 2*i + 1
		if down >= len(h) {
			if i < len(h) {
				h[i] = last
			}
			return top
		}
		if down+1 < len(h) && h[down+1] < h[down] {
			down++
		}
		if last <= h[down] {
			h[i] = last
			return top
		}
		h[i] = h[down]
		i = down
	}
}
