package token

import (
	"errors"
	"slices"
	"time"

	"tocsin/system/identity/secret"
)

// ErrNoRefreshToken means that a text is no refresh token of this provider.
var ErrNoRefreshToken = errors.New("not a refresh token of this provider")

// Refresh is what a refresh token stands for. It is sealed into the token;
// elsewhere there is only the generation that its family has reached.
type Refresh struct {
	Family     string   `json:"fam"`
	Generation uint64   `json:"gen"`
	ClientID   string   `json:"cid"`
	Person     string   `json:"per"`
	Scopes     []string `json:"scp"`
	Allowed    []string `json:"alw,omitempty"`
	GrantID    string   `json:"gid,omitempty"`
	SessionID  string   `json:"sid,omitempty"`
	AuthTime   int64    `json:"ath"`
	ACR        string   `json:"acr,omitempty"`
	AMR        []string `json:"amr,omitempty"`
	// ShowAuthTime is set when the first ID token had auth_time.
	ShowAuthTime bool `json:"sat,omitempty"`
	// Thumbprint is the key that a public client has to prove again (RFC 9449, 5).
	Thumbprint string `json:"jkt,omitempty"`
	// Configurations of credentials that were asked for by id.
	Configurations []string `json:"cnf,omitempty"`
	// Expires is when the family ends, in seconds.
	Expires int64 `json:"exp"`
}

// EndsWith returns the session whose end ends the token: none for offline
// access, which is access while the person is not there (OpenID Connect Core, 11).
func (r *Refresh) EndsWith() string { return endsWith(r.SessionID, r.Scopes) }

func endsWith(session string, scopes []string) string {
	if slices.Contains(scopes, "offline_access") {
		return ""
	}
	return session
}

// RefreshSealer makes refresh tokens and opens them.
type RefreshSealer struct {
	box *secret.Box
	now func() time.Time
}

// NewRefreshSealer returns a sealer with keys.
func NewRefreshSealer(keys *secret.Keys, now func() time.Time) (*RefreshSealer, error) {
	box, err := keys.Box("refresh")
	if err != nil {
		return nil, err
	}
	return &RefreshSealer{box: box, now: now}, nil
}

// Seal returns r as a token. The same value gives the same text: a client that
// lost an answer gets that answer again, not another.
func (s *RefreshSealer) Seal(r *Refresh) (string, error) { return s.box.SealSame(r) }

// Open returns what a token stands for. It fails with ErrNoRefreshToken, also
// for one that has expired.
func (s *RefreshSealer) Open(text string) (*Refresh, error) {
	opened := &Refresh{}
	if err := s.box.Open(text, opened); err != nil {
		return nil, ErrNoRefreshToken
	}
	if s.now().Unix() >= opened.Expires {
		return nil, ErrNoRefreshToken
	}
	return opened, nil
}
