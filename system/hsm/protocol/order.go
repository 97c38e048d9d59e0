package protocol

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
)

// Order is one digest to sign.
type Order struct {
	Algorithm jose.SignatureAlgorithm
	Key       ID
	Digest    [sha256.Size]byte
}

// Outcome of an order.
type Outcome byte

// The outcomes.
const (
	// Signed: the signature follows.
	Signed Outcome = iota
	// NoKey: this node has no such key for this algorithm; another may.
	NoKey
	// Unavailable: the token does not sign now.
	Unavailable
)

// Answer is what became of one order.
type Answer struct {
	Outcome   Outcome
	Signature []byte
}

const (
	// MaxOrders in one request keeps a batch below 10 ms of ECDSA.
	MaxOrders = 64
	// OrderSize is that of an encoded order.
	OrderSize = 1 + 2*sha256.Size
	// maxSignature is that of the longest RSA key.
	maxSignature = maximumRSA / 8
	answerHead   = 3
	// MaxAnswers bounds the body that answers a batch.
	MaxAnswers = MaxOrders * (answerHead + maxSignature)
)

// ErrMalformed means that a body is not what this package encodes.
var ErrMalformed = errors.New("malformed message")

// code is the algorithm on the wire; 0 for none.
func code(algorithm jose.SignatureAlgorithm) byte {
	for i, known := range Algorithms() {
		if known == algorithm {
			return byte(i + 1)
		}
	}
	return 0
}

// AppendOrder encodes an order behind buffer.
func AppendOrder(buffer []byte, order Order) []byte {
	buffer = append(buffer, code(order.Algorithm))
	buffer = append(buffer, order.Key[:]...)
	return append(buffer, order.Digest[:]...)
}

// ParseOrders decodes what AppendOrder encoded, 1 to MaxOrders times.
func ParseOrders(body []byte) ([]Order, error) {
	count := len(body) / OrderSize
	if count == 0 || count > MaxOrders || len(body)%OrderSize != 0 {
		return nil, fmt.Errorf("%w: %d bytes are not 1 to %d orders", ErrMalformed, len(body), MaxOrders)
	}
	algorithms := Algorithms()
	orders := make([]Order, count)
	for i := range orders {
		raw := body[i*OrderSize : (i+1)*OrderSize]
		if raw[0] == 0 || int(raw[0]) > len(algorithms) {
			return nil, fmt.Errorf("%w: order %d has algorithm %d", ErrMalformed, i, raw[0])
		}
		orders[i] = Order{
			Algorithm: algorithms[raw[0]-1],
			Key:       ID(raw[1 : 1+sha256.Size]),
			Digest:    [sha256.Size]byte(raw[1+sha256.Size:]),
		}
	}
	return orders, nil
}

// AppendAnswer encodes an answer behind buffer.
func AppendAnswer(buffer []byte, answer Answer) []byte {
	buffer = append(buffer, byte(answer.Outcome))
	buffer = binary.BigEndian.AppendUint16(buffer, uint16(len(answer.Signature)))
	return append(buffer, answer.Signature...)
}

// ParseAnswers decodes the answers to count orders. They share memory with body.
func ParseAnswers(body []byte, count int) ([]Answer, error) {
	answers := make([]Answer, 0, count)
	for len(body) > 0 && len(answers) < count {
		if len(body) < answerHead {
			return nil, fmt.Errorf("%w: answer %d is cut off", ErrMalformed, len(answers))
		}
		size := int(binary.BigEndian.Uint16(body[1:answerHead]))
		outcome := Outcome(body[0])
		if outcome > Unavailable || size > maxSignature || len(body) < answerHead+size || (outcome == Signed) != (size > 0) {
			return nil, fmt.Errorf("%w: answer %d", ErrMalformed, len(answers))
		}
		answers = append(answers, Answer{Outcome: outcome, Signature: body[answerHead : answerHead+size : answerHead+size]})
		body = body[answerHead+size:]
	}
	if len(body) > 0 || len(answers) != count {
		return nil, fmt.Errorf("%w: not %d answers", ErrMalformed, count)
	}
	return answers, nil
}
