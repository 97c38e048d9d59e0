package cost

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"golang.org/x/oauth2"

	"tocsin/system/interop/browser"
)

type endpoints struct {
	Authorization string `json:"authorization_endpoint"`
	Token         string `json:"token_endpoint"`
}

// answerLimit bounds what is read of one answer.
const answerLimit = 1 << 20

func newDriver(ctx context.Context, subject *Subject) (*Driver, error) {
	d := &Driver{subject: subject, transport: &http.Transport{
		TLSClientConfig: subject.Trust, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 16,
	}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, subject.Issuer+"/.well-known/openid-configuration", nil)
	if err == nil {
		err = d.decode(request, &d.endpoints)
	}
	if err != nil {
		return nil, fmt.Errorf("discover %s: %w", subject.Name, err)
	}
	return d, nil
}

func (d *Driver) decode(request *http.Request, into any) (err error) {
	response, err := d.transport.RoundTrip(request)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	text, err := io.ReadAll(io.LimitReader(response.Body, answerLimit))
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s says %d: %.300s", request.URL.Path, response.StatusCode, text)
	}
	return json.Unmarshal(text, into)
}

// tokenResponse is the part of one that shows that it is one.
type tokenResponse struct {
	AccessToken string `json:"access_token"`
	IDToken     string `json:"id_token"`
}

// token asks the token endpoint.
func (d *Driver) token(ctx context.Context, form url.Values) (*tokenResponse, error) {
	assertion, err := d.assertion()
	if err != nil {
		return nil, err
	}
	form.Set("client_id", d.subject.ClientID)
	form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
	form.Set("client_assertion", assertion)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, d.endpoints.Token, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	got := &tokenResponse{}
	if err := d.decode(request, got); err != nil {
		return nil, err
	}
	if got.AccessToken == "" {
		return nil, errors.New("no access token")
	}
	return got, nil
}

func (d *Driver) assertion() (string, error) {
	signer, err := jose.NewSigner(jose.SigningKey{
		Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: d.subject.Key, KeyID: d.subject.KeyID},
	}, nil)
	if err != nil {
		return "", fmt.Errorf("sign assertion: %w", err)
	}
	now := time.Now()
	return jwt.Signed(signer).Claims(jwt.Claims{
		Issuer: d.subject.ClientID, Subject: d.subject.ClientID, Audience: jwt.Audience{d.subject.Issuer}, ID: rand.Text(),
		IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(time.Minute)),
	}).Serialize()
}

// Login is a fresh login in a new browser: authorize, login, consent, code,
// token.
func Login(ctx context.Context, d *Driver) error {
	b, err := browser.New(d.transport, d.subject.RedirectURI)
	if err != nil {
		return err
	}
	verifier := oauth2.GenerateVerifier()
	config := oauth2.Config{
		ClientID: d.subject.ClientID, RedirectURL: d.subject.RedirectURI, Scopes: strings.Fields(d.subject.Scope),
		Endpoint: oauth2.Endpoint{AuthURL: d.endpoints.Authorization},
	}
	page, err := b.Open(ctx, config.AuthCodeURL(rand.Text(), oauth2.S256ChallengeOption(verifier), oauth2.SetAuthURLParam("nonce", rand.Text())))
	if err != nil {
		return err
	}
	visit, err := b.LogIn(ctx, page, d.subject.Person(), browser.Allow)
	if err != nil {
		return err
	}
	back, err := visit.Callback()
	if err != nil {
		return err
	}
	if back.Get("code") == "" || !visit.AskedLogin || !visit.AskedConsent {
		return fmt.Errorf("%w of a fresh login with consent: %v", errNoCode, back)
	}
	got, err := d.token(ctx, url.Values{
		"grant_type": {"authorization_code"}, "code": {back.Get("code")}, "redirect_uri": {d.subject.RedirectURI}, "code_verifier": {verifier},
	})
	if err == nil && got.IDToken == "" {
		err = errors.New("no ID token")
	}
	return err
}

// Service is a token for the client itself.
func Service(ctx context.Context, d *Driver) error {
	_, err := d.token(ctx, url.Values{"grant_type": {"client_credentials"}, "scope": {d.subject.ServiceScope}})
	return err
}

// Loads are the two that providers are compared by.
func Loads(logins, services, parallel int) []Load {
	return []Load{
		{Name: "fresh login", Warmup: logins / 3, Count: logins, Parallel: parallel, Once: Login},
		{Name: "client credentials", Warmup: services / 3, Count: services, Parallel: parallel, Once: Service},
	}
}
