package membership

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"slices"
)

const (
	// keySize selects AES-256.
	keySize = 32
	// maxKeys is how many a member may have at a time: the old one, the new one,
	// and one of a rotation that was broken off.
	maxKeys = 3
)

// Key is a secret that the cluster's gossip is encrypted and authenticated with.
type Key [keySize]byte

// KeyID names a key without giving it away.
type KeyID [4]byte

// NewKey makes one by chance.
func NewKey() Key {
	var k Key
	_, _ = rand.Read(k[:]) // cannot fail: see crypto/rand
	return k
}

// ID names the key.
func (k Key) ID() KeyID {
	sum := sha256.Sum256(k[:])
	return KeyID(sum[:4])
}

// String is the key's name, so that no log shows the key.
func (k Key) String() string { return "key " + k.ID().String() }

// GoString keeps %#v from showing it.
func (k Key) GoString() string { return k.String() }

// LogValue keeps a log in JSON from showing it.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }

func (id KeyID) String() string { return hex.EncodeToString(id[:]) }

func checkKeys(keys []Key) error {
	if len(keys) > maxKeys {
		return fmt.Errorf("%d gossip keys are too many: finish the rotation under way, at most %d can be in use", len(keys), maxKeys)
	}
	for i, k := range keys {
		if k == (Key{}) {
			return fmt.Errorf("gossip key %d of %d is all zero: make one with weft token", i+1, len(keys))
		}
		if slices.Contains(keys[:i], k) {
			return fmt.Errorf("gossip %v is given twice", k)
		}
	}
	return nil
}

func keyIDs(keys []Key) []KeyID {
	var ids []KeyID
	for _, k := range keys {
		ids = append(ids, k.ID())
	}
	return ids
}
