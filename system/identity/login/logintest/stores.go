package logintest

import (
	"context"
	"sync"
	"time"

	"tocsin/system/authenticator"
	"tocsin/system/identity/attempts"
	"tocsin/system/identity/grant"
	"tocsin/system/identity/spent"
	"tocsin/system/identity/store"
)

// Switch makes a thing fail while it is Away.
type Switch struct {
	mu   sync.Mutex
	away bool
}

// SetAway sets whether the thing answers.
func (s *Switch) SetAway(away bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = away
}

func (s *Switch) err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away {
		return ErrAway
	}
	return nil
}

// Grants is a grant.Store; Primary and Replica can be away.
type Grants struct {
	Primary, Replica Switch

	mu    sync.Mutex
	saved []*grant.Grant
}

// Save implements grant.Store.
func (g *Grants) Save(_ context.Context, saved *grant.Grant) error {
	if err := g.Primary.err(); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, known := range g.saved {
		if known.ID == saved.ID {
			g.saved[i] = saved
			return nil
		}
	}
	g.saved = append(g.saved, saved)
	return nil
}

// Grant implements grant.Store.
func (g *Grants) Grant(_ context.Context, id string) (*grant.Grant, error) {
	return g.find(&g.Primary, func(known *grant.Grant) bool { return known.ID == id })
}

// Latest implements grant.Store.
func (g *Grants) Latest(_ context.Context, clientID, person string) (*grant.Grant, error) {
	return g.find(&g.Replica, func(known *grant.Grant) bool { return known.ClientID == clientID && known.Person == person })
}

func (g *Grants) find(from *Switch, is func(*grant.Grant) bool) (*grant.Grant, error) {
	if err := from.err(); err != nil {
		return nil, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for i := len(g.saved) - 1; i >= 0; i-- {
		if is(g.saved[i]) {
			return g.saved[i], nil
		}
	}
	return nil, store.ErrNotFound
}

// All returns what is saved.
func (g *Grants) All() []*grant.Grant {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]*grant.Grant(nil), g.saved...)
}

// Marks is the spent.Store.
type Marks struct {
	Switch
	mu    sync.Mutex
	spent map[string]string
	lives []time.Duration
}

// Spend implements spent.Store.
func (m *Marks) Spend(_ context.Context, attempt string, marks ...spent.Mark) error {
	if err := m.err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, mark := range marks {
		if before, used := m.spent[string(mark.Kind)+mark.ID]; used && before != attempt {
			return &spent.ConsumedError{Mark: mark}
		}
	}
	for _, mark := range marks {
		m.spent[string(mark.Kind)+mark.ID] = attempt
		m.lives = append(m.lives, mark.Life)
	}
	return nil
}

// Lives returns how long each mark is kept, in the order they were set.
func (m *Marks) Lives() []time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]time.Duration(nil), m.lives...)
}

// Persons is an authenticator with two persons.
type Persons struct {
	Switch
	mu       sync.Mutex
	attempts []authenticator.Attempt
}

// Authenticate implements authenticator.Authenticator.
func (p *Persons) Authenticate(_ context.Context, attempt authenticator.Attempt) (string, error) {
	if err := p.err(); err != nil {
		return "", err
	}
	p.mu.Lock()
	p.attempts = append(p.attempts, attempt)
	p.mu.Unlock()
	right := map[authenticator.Factor]string{authenticator.PIN: PIN, authenticator.OTP: OTP}[attempt.Factor]
	switch {
	case right == "" || attempt.Challenge != right:
		return "", authenticator.ErrMismatch
	case attempt.IndividualID == IndividualID:
		return Person, nil
	case attempt.IndividualID == Other:
		return OtherPerson, nil
	}
	return "", authenticator.ErrMismatch
}

// Attempts returns what was asked.
func (p *Persons) Attempts() []authenticator.Attempt {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]authenticator.Attempt(nil), p.attempts...)
}

// SendOTP implements authenticator.Authenticator.
func (p *Persons) SendOTP(context.Context, string, string) (*authenticator.Delivery, error) {
	if err := p.err(); err != nil {
		return nil, err
	}
	return &authenticator.Delivery{MaskedEmail: "a**@example.org", MaskedPhone: "*****678"}, nil
}

// Claims implements authenticator.Authenticator; no login needs it.
func (p *Persons) Claims(context.Context, string, []string) (map[string]any, error) {
	return nil, authenticator.ErrUnsupported
}

// Counters is the shared attempts.Counter.
type Counters struct {
	Switch
	*attempts.Local
}

// Count implements attempts.Counter.
func (c *Counters) Count(ctx context.Context, keys ...attempts.Key) ([]int, error) {
	if err := c.err(); err != nil {
		return nil, err
	}
	return c.Local.Count(ctx, keys...)
}
