// Package wallet is the login with a phone: the login page shows a code, the
// person opens it on the phone where they approve, and the page, which asks
// again and again, goes on. The link between the two may be lost at any time;
// the page then shows a new one. What an approval says is sealed: the store
// that carries it cannot make one up.
package wallet

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"time"

	"tocsin/system/authenticator"
	"tocsin/system/identity/claim"
	"tocsin/system/identity/login"
	"tocsin/system/identity/policy"
	"tocsin/system/identity/secret"
	"tocsin/system/identity/spent"
	"tocsin/system/identity/store"
	"tocsin/system/identity/transaction"
)

const (
	// life is that of a link: as long as somebody looks for their phone.
	life = 2 * time.Minute
	// kind is that of the values in the store.
	kind = "wallet-link"
	// codeLength is that of a link code, 130 random bits.
	codeLength = 26
)

// Links keeps links (store.Volatile).
type Links interface {
	Put(ctx context.Context, kind, id string, value []byte, life time.Duration) error
	Get(ctx context.Context, kind, id string) ([]byte, error)
	Update(ctx context.Context, kind, id string, value []byte, life time.Duration) error
}

// Login is what a wallet login needs of the other steps (login.Service).
type Login interface {
	View(ctx context.Context, t *transaction.Transaction) (*login.View, error)
	Identify(ctx context.Context, transactionID string, factor authenticator.Factor, individualID, challenge string) (person string, err error)
	Admit(ctx context.Context, t *transaction.Transaction, factor authenticator.Factor, person string) (*login.Outcome, error)
}

// Service links login pages and wallets.
type Service struct {
	links Links
	marks login.Marks
	login Login
	box   *secret.Box
	judge policy.Judge
	// page is the address of the wallet page.
	page string
	now  func() time.Time
}

// New returns a service whose links lead to the wallet page at the address page.
func New(links Links, marks login.Marks, steps Login, keys *secret.Keys, judge policy.Judge, page string, now func() time.Time) (*Service, error) {
	box, err := keys.Box("wallet-link")
	if err != nil {
		return nil, err
	}
	return &Service{links: links, marks: marks, login: steps, box: box, judge: judge, page: page, now: now}, nil
}

// link is what the store keeps, sealed.
type link struct {
	// Code repeats the link's own, so that no other takes its place.
	Code        string        `json:"code"`
	Transaction string        `json:"tx"`
	ClientName  string        `json:"client"`
	Claims      []claim.Shown `json:"claims"`
	Credentials []string      `json:"credentials,omitempty"`
	Locales     []string      `json:"locales,omitempty"`
	Expires     time.Time     `json:"exp"`
	// Person is who approved, "" before.
	Person string `json:"person,omitempty"`
}

// Link is what a login page shows.
type Link struct {
	Code string `json:"link_code"`
	// URI is what the QR code says.
	URI string `json:"uri"`
	// ExpiresIn is in seconds.
	ExpiresIn int `json:"expires_in"`
}

// View is what a wallet shows of a link.
type View struct {
	ClientName  string        `json:"client_name"`
	Claims      []claim.Shown `json:"claims"`
	Credentials []string      `json:"credentials,omitempty"`
	Locales     []string      `json:"locales,omitempty"`
	Approved    bool          `json:"approved,omitempty"`
	ExpiresIn   int           `json:"expires_in"`
}

// Begin makes a link for a login page.
func (s *Service) Begin(ctx context.Context, t *transaction.Transaction) (*Link, error) {
	view, err := s.login.View(ctx, t)
	if err != nil {
		return nil, err
	}
	if !offers(view, authenticator.Wallet) {
		return nil, login.ErrUnsupported
	}
	made := &link{
		Code: rand.Text(), Transaction: t.ID, ClientName: view.ClientName, Claims: view.Claims,
		Credentials: view.Credentials, Locales: view.Locales, Expires: s.now().Add(life).UTC(),
	}
	value, err := s.box.Seal(made)
	if err != nil {
		return nil, err
	}
	if err := s.judge.Err(ctx, policy.LinkWallet, s.links.Put(ctx, kind, made.Code, []byte(value), life)); err != nil {
		return nil, fmt.Errorf("link wallet: %w", err)
	}
	return &Link{
		Code: made.Code, URI: s.page + "?" + url.Values{"code": {made.Code}}.Encode(), ExpiresIn: int(life / time.Second),
	}, nil
}

func offers(view *login.View, wanted authenticator.Factor) bool {
	for _, factor := range view.Factors {
		if factor == wanted {
			return true
		}
	}
	return false
}

// Status returns how the login of t goes on, or nil while nobody has approved.
func (s *Service) Status(ctx context.Context, t *transaction.Transaction, code string) (*login.Outcome, error) {
	known, err := s.read(ctx, code)
	if err != nil {
		return nil, err
	}
	if known.Transaction != t.ID { // another browser's: it may not even know that it exists
		return nil, login.ErrLinkGone
	}
	if known.Person == "" {
		return nil, nil
	}
	// One login for one approval. The same login may ask again: its answer may
	// have been lost.
	err = s.marks.Spend(ctx, t.ID, spent.Mark{Kind: spent.Credential, ID: kind + ":" + code, Life: 2 * life})
	if _, consumed := spent.Consumed(err); consumed {
		return nil, login.ErrLinkGone
	}
	if err := s.judge.Err(ctx, policy.LinkWallet, err); err != nil {
		return nil, fmt.Errorf("use approval: %w", err)
	}
	return s.login.Admit(ctx, t, authenticator.Wallet, known.Person)
}

// View returns what the wallet shows.
func (s *Service) View(ctx context.Context, code string) (*View, error) {
	known, err := s.read(ctx, code)
	if err != nil {
		return nil, err
	}
	return &View{
		ClientName: known.ClientName, Claims: known.Claims, Credentials: known.Credentials, Locales: known.Locales,
		Approved: known.Person != "", ExpiresIn: int(known.Expires.Sub(s.now()) / time.Second),
	}, nil
}

// Approve lets the person with individualID and PIN into the login. The first
// approval stands; approving again as somebody else is
// login.ErrLinkGone.
func (s *Service) Approve(ctx context.Context, code, individualID, pin string) error {
	known, err := s.read(ctx, code)
	if err != nil {
		return err
	}
	person, err := s.login.Identify(ctx, known.Transaction, authenticator.PIN, individualID, pin)
	if err != nil {
		return err
	}
	if known.Person != "" && known.Person != person {
		return login.ErrLinkGone
	}
	known.Person = person
	value, err := s.box.Seal(known)
	if err != nil {
		return err
	}
	err = s.links.Update(ctx, kind, code, []byte(value), known.Expires.Sub(s.now()))
	if errors.Is(err, store.ErrNotFound) {
		return login.ErrLinkGone
	}
	if err := s.judge.Err(ctx, policy.LinkWallet, err); err != nil {
		return fmt.Errorf("approve: %w", err)
	}
	return nil
}

func (s *Service) read(ctx context.Context, code string) (*link, error) {
	if len(code) != codeLength {
		return nil, login.ErrLinkGone
	}
	value, err := s.links.Get(ctx, kind, code)
	if errors.Is(err, store.ErrNotFound) {
		return nil, login.ErrLinkGone
	}
	if err := s.judge.Err(ctx, policy.LinkWallet, err); err != nil {
		return nil, fmt.Errorf("read link to wallet: %w", err)
	}
	known := &link{}
	if err := s.box.Open(string(value), known); err != nil || known.Code != code || !s.now().Before(known.Expires) {
		return nil, login.ErrLinkGone
	}
	return known, nil
}
