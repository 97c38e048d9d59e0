package keyset

import (
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Term is how long a key is to be current.
type Term struct {
	Use       Use
	Algorithm jose.SignatureAlgorithm
	// Until is when its successor is to be made. It may have passed.
	Until time.Time
}

// Terms returns those of the current keys, roots too; none while they are not
// known.
func (s *Set) Terms() []Term {
	now := s.current.Load()
	if now == nil {
		return nil
	}
	return now.terms
}

// Age is how long ago the ring was read, since the start when it never was. Far
// above Config.Interval it means that the ring cannot be read, or is not believed.
func (s *Set) Age() time.Duration {
	if now := s.current.Load(); now != nil {
		return s.age(now)
	}
	return s.config.Now().Sub(s.started)
}
