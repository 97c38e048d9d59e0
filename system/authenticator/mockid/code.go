package mockid

import (
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"strconv"
	"time"
)

// codeStep is how long one code is sent for a transaction. A code is accepted
// in its own step and the next; and a step early, as clocks of zones differ.
const codeStep = 3 * time.Minute

func (s *System) step() int64 { return s.now().Unix() / int64(codeStep/time.Second) }

// codeAt returns the six digits for one person in one transaction: nothing has
// to be kept, so any zone accepts what another sent.
func (s *System) codeAt(step int64, transaction, id string) string {
	sum := mac(s.keys.code, transaction, id, strconv.FormatInt(step, 10))
	return fmt.Sprintf("%06d", binary.BigEndian.Uint64(sum)%1_000_000)
}

// codeRight compares all steps always, so that time tells nothing.
func (s *System) codeRight(transaction, id, code string) bool {
	now, right := s.step(), 0
	for _, step := range []int64{now - 1, now, now + 1} {
		right |= subtle.ConstantTimeCompare([]byte(s.codeAt(step, transaction, id)), []byte(code))
	}
	return right == 1
}
