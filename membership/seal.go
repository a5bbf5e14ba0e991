package membership

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
)

// Keys travel sealed: encrypted, by AES-256-GCM, for who has one of the keys
// already. Who listens learns nothing, and who has none can neither read nor
// make one. A key that has leaked must therefore be replaced by new tokens, not
// by a rotation: whoever has the old one could unseal the new one.

// SealKeys writes keys for who has another.
func SealKeys(with Key, cluster string, keys []Key) (string, error) {
	box, err := sealing(with)
	if err != nil {
		return "", err
	}
	var plain []byte
	for _, k := range keys {
		plain = append(plain, k[:]...)
	}
	return base64.StdEncoding.EncodeToString(box.Seal(nil, nil, plain, []byte(cluster))), nil
}

// OpenKeys reads what SealKeys wrote.
func OpenKeys(with Key, cluster, sealed string) ([]Key, error) {
	b, err := base64.StdEncoding.DecodeString(sealed)
	if err != nil {
		return nil, fmt.Errorf("open sealed keys: %w", err)
	}
	box, err := sealing(with)
	if err != nil {
		return nil, err
	}
	plain, err := box.Open(nil, nil, b, []byte(cluster))
	if err != nil {
		return nil, fmt.Errorf("open sealed keys: they were not sealed with %v in cluster %q", with, cluster)
	}
	var keys []Key
	for r := bytes.NewReader(plain); r.Len() > 0; {
		var k Key
		if n, _ := r.Read(k[:]); n != keySize {
			return nil, errors.New("open sealed keys: the last one is cut short")
		}
		keys = append(keys, k)
	}
	return keys, checkKeys(keys)
}

// sealing derives a key of its own (RFC 5869), so that none serves two purposes.
func sealing(with Key) (cipher.AEAD, error) {
	derived, err := hkdf.Key(sha256.New, with[:], nil, "weft gossip keys", keySize)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}
