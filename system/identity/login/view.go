package login

import (
	"context"
	"net/url"
	"slices"
	"time"

	"tocsin/system/authenticator"
	"tocsin/system/identity/claim"
	"tocsin/system/identity/clients"
	"tocsin/system/identity/transaction"
)

// View is what pages show of a transaction.
type View struct {
	ClientName    string                 `json:"client_name"`
	ClientLogo    string                 `json:"client_logo,omitempty"`
	Scopes        []string               `json:"scopes"`
	Claims        []claim.Shown          `json:"claims"`
	Credentials   []string               `json:"credentials,omitempty"`
	Locales       []string               `json:"locales,omitempty"`
	Authenticated bool                   `json:"authenticated"`
	Factors       []authenticator.Factor `json:"factors"`
	LoginHint     string                 `json:"login_hint,omitempty"`
	OTPSent       bool                   `json:"otp_sent,omitempty"`
	// RedirectOrigin is where the browser goes in the end; the page's content
	// security policy has to allow it.
	RedirectOrigin string `json:"redirect_origin"`
	// ExpiresIn is in seconds.
	ExpiresIn int `json:"expires_in"`
}

// View returns what pages show of t.
func (s *Service) View(ctx context.Context, t *transaction.Transaction) (*View, error) {
	client, err := s.client(ctx, t)
	if err != nil {
		return nil, err
	}
	return &View{
		ClientName: nameOf(client, t.Locales), ClientLogo: client.LogoURI,
		Scopes: t.Scopes, Claims: claim.Show(t.Scopes, t.Claims), Credentials: s.credentials(t), Locales: t.Locales,
		Authenticated: t.Session != nil, Factors: Factors(t, client), LoginHint: t.LoginHint, OTPSent: t.OTPSent,
		RedirectOrigin: Origin(t.RedirectURI), ExpiresIn: int(t.Expires.Sub(s.Now()) / time.Second),
	}, nil
}

// credentials names those that the person is about to let the client fetch.
func (s *Service) credentials(t *transaction.Transaction) []string {
	if s.Credentials == nil {
		return nil
	}
	configurations := s.Credentials.IDs(t.Scopes)
	for _, id := range t.Configurations {
		if !slices.Contains(configurations, id) {
			configurations = append(configurations, id)
		}
	}
	names := make([]string, 0, len(configurations))
	for _, id := range configurations {
		names = append(names, s.Credentials.Name(id, t.Locales...))
	}
	return names
}

// Factors returns how somebody may log in: those that give an acceptable
// authentication context, the client's preferred first.
func Factors(t *transaction.Transaction, client *clients.Client) []authenticator.Factor {
	acceptable := t.ACRs
	if len(acceptable) == 0 {
		acceptable = client.ACRs
	}
	if len(acceptable) == 0 {
		return []authenticator.Factor{authenticator.PIN, authenticator.OTP, authenticator.Wallet}
	}
	factors := []authenticator.Factor{}
	for _, acr := range acceptable {
		if factor, known := authenticator.FactorOf(acr); known {
			factors = append(factors, factor)
		}
	}
	return factors
}

// nameOf returns the client's name in the first of locales that it has one in.
func nameOf(client *clients.Client, locales []string) string {
	for _, locale := range locales {
		if name := client.NameByLanguage[locale]; name != "" {
			return name
		}
	}
	return client.Name
}

// Origin returns scheme and host of a redirect URI; of an app's private scheme
// the scheme alone.
func Origin(uri string) string {
	parsed, err := url.Parse(uri)
	if err != nil {
		return ""
	}
	if parsed.Host == "" {
		return parsed.Scheme + ":"
	}
	return parsed.Scheme + "://" + parsed.Host
}
