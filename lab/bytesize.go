package lab

import (
	"fmt"
	"strconv"
	"strings"
)

// ByteSize is an amount of data, written 16MiB or 2000.
type ByteSize int64

var byteUnits = []struct {
	suffix string
	bytes  int64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}}

// UnmarshalJSON takes a number of bytes, or text with a unit.
func (b *ByteSize) UnmarshalJSON(raw []byte) error {
	s, scale := strings.Trim(string(raw), `"`), int64(1)
	for _, u := range byteUnits {
		if number, ok := strings.CutSuffix(s, u.suffix); ok {
			s, scale = strings.TrimSpace(number), u.bytes
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n <= 0 || n > 1<<40/scale {
		return fmt.Errorf("%s is not an amount of data: write for instance 16MiB (KiB, MiB, GiB, or plain bytes)", raw)
	}
	*b = ByteSize(n * scale)
	return nil
}

// MarshalJSON writes what [ByteSize.UnmarshalJSON] reads.
func (b ByteSize) MarshalJSON() ([]byte, error) { return strconv.AppendQuote(nil, b.String()), nil }

func (b ByteSize) String() string {
	for i := len(byteUnits) - 1; i >= 0; i-- {
		if u := byteUnits[i]; b != 0 && int64(b)%u.bytes == 0 {
			return fmt.Sprintf("%d%s", int64(b)/u.bytes, u.suffix)
		}
	}
	return strconv.FormatInt(int64(b), 10)
}
