package statuslist

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
)

// MaxBytes bounds a decompressed list: 16 Mi credentials of one bit. A few
// kilobytes of zlib may stand for gigabytes (Token Status List, 11.1).
const MaxBytes = 2 << 20

// Encoded is the status_list claim (Token Status List, 4.2).
type Encoded struct {
	Bits int    `json:"bits"`
	List string `json:"lst"`
}

// List is a decoded list.
type List struct {
	bits int
	data []byte
}

// errTooLarge is what Decode says of a list that decompresses past MaxBytes.
var errTooLarge = errors.New("the list decompresses to more than 2 MiB")

// Decode decompresses a list.
func Decode(encoded Encoded) (*List, error) {
	switch encoded.Bits {
	case 1, 2, 4, 8:
	default:
		return nil, fmt.Errorf("bits is %d, not 1, 2, 4 or 8", encoded.Bits)
	}
	compressed, err := base64.RawURLEncoding.DecodeString(encoded.List)
	if err != nil {
		return nil, fmt.Errorf("lst is not base64url: %w", err)
	}
	data, err := inflate(compressed)
	if err != nil {
		return nil, err
	}
	if len(data) == 0 {
		return nil, errors.New("the list is empty")
	}
	return &List{bits: encoded.Bits, data: data}, nil
}

func inflate(compressed []byte) (data []byte, err error) {
	reader, err := zlib.NewReader(bytes.NewReader(compressed))
	if err != nil {
		return nil, fmt.Errorf("lst is not zlib: %w", err)
	}
	data, err = io.ReadAll(io.LimitReader(reader, MaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("decompress lst: %w", err)
	}
	if len(data) > MaxBytes {
		return nil, errTooLarge
	}
	if err := reader.Close(); err != nil {
		return nil, fmt.Errorf("decompress lst: %w", err)
	}
	return data, nil
}

// Len is how many entries the list has.
func (l *List) Len() uint64 { return uint64(len(l.data)) * uint64(8/l.bits) }

// At returns the status at index. An index outside says nothing about its
// credential, which must be rejected (Token Status List, 8.3).
func (l *List) At(index uint64) (Status, error) {
	if index >= l.Len() {
		return 0, fmt.Errorf("index %d is outside the list of %d entries", index, l.Len())
	}
	perByte := uint64(8 / l.bits)
	shift := (index % perByte) * uint64(l.bits)
	mask := byte(1<<l.bits - 1)
	return Status(l.data[index/perByte] >> shift & mask), nil
}

// Status of one credential (Token Status List, 7.1).
type Status byte

// The registered statuses.
const (
	Valid     Status = 0
	Invalid   Status = 1
	Suspended Status = 2
)

func (s Status) String() string {
	switch s {
	case Valid:
		return "VALID"
	case Invalid:
		return "INVALID"
	case Suspended:
		return "SUSPENDED"
	}
	return fmt.Sprintf("0x%02x", byte(s))
}
