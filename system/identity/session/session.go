// Package session is what the provider remembers of a browser whose user has
// logged in: a sealed cookie, so that no store can lose it.
package session

import (
	"crypto/rand"
	"net/http"
	"slices"
	"time"

	"tocsin/system/identity/secret"
)

// Cookie holds the session. The __Host- prefix makes browsers refuse one that a
// sibling domain planted.
const Cookie = "__Host-session"

// maxSealed bounds the cookie that is opened, in characters.
const maxSealed = 2048

// Session is one authentication of a person in one browser.
type Session struct {
	// ID is the sid of ID tokens (OpenID Connect Front-Channel Logout, 3).
	ID string `json:"sid"`
	// Person is the authenticator's reference.
	Person   string    `json:"person"`
	AuthTime time.Time `json:"auth_time"`
	ACR      string    `json:"acr"`
	AMR      []string  `json:"amr"`
	Expires  time.Time `json:"exp"`
}

// New returns the session of a person who has just been authenticated.
func New(person string, now time.Time, acr string, amr []string, life time.Duration) *Session {
	now = now.Truncate(time.Second).UTC() // auth_time has seconds
	return &Session{ID: rand.Text(), Person: person, AuthTime: now, ACR: acr, AMR: amr, Expires: now.Add(life)}
}

// Satisfies reports whether the session is recent and strong enough. maxAge is
// in seconds and negative when not asked for; acrs are acceptable values, none
// meaning any.
func (s *Session) Satisfies(now time.Time, maxAge int, acrs []string) bool {
	if !now.Before(s.Expires) {
		return false
	}
	if maxAge >= 0 && now.Sub(s.AuthTime) > time.Duration(maxAge)*time.Second {
		return false
	}
	return len(acrs) == 0 || slices.Contains(acrs, s.ACR)
}

// Sealer turns sessions into cookie values and back.
type Sealer struct{ box *secret.Box }

// NewSealer returns a sealer with keys.
func NewSealer(keys *secret.Keys) (*Sealer, error) {
	box, err := keys.Box("session")
	if err != nil {
		return nil, err
	}
	return &Sealer{box: box}, nil
}

// Seal returns the cookie value of s.
func (s *Sealer) Seal(value *Session) (string, error) { return s.box.Seal(value) }

// Open returns the session in a cookie value, or nil.
func (s *Sealer) Open(text string) *Session {
	opened := &Session{}
	if text == "" || len(text) > maxSealed || s.box.Open(text, opened) != nil {
		return nil
	}
	return opened
}

// Of returns the session of the browser that made r, or nil.
func (s *Sealer) Of(r *http.Request) *Session {
	cookie, err := r.Cookie(Cookie)
	if err != nil {
		return nil
	}
	return s.Open(cookie.Value)
}

// Forget returns the cookie that ends the session in the browser.
func Forget() *http.Cookie {
	return &http.Cookie{
		Name: Cookie, Path: "/", MaxAge: -1, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
}
