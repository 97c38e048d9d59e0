package identity_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"golang.org/x/net/html"
	"golang.org/x/oauth2"
)

// browser is a person's browser: it keeps cookies, follows redirects until the
// client's callback, and fills in forms.
type browser struct {
	t      testing.TB
	client *http.Client
}

func newBrowser(t testing.TB) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	config, err := shared.roots()
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &browser{t: t, client: &http.Client{
		Jar: jar, Timeout: 15 * time.Second, Transport: transport,
		CheckRedirect: func(request *http.Request, _ []*http.Request) error {
			if strings.HasSuffix(request.URL.Path, "/synthetic/callback") {
				return http.ErrUseLastResponse
			}
			return nil
		},
	}}
}

// document is an answer as a person sees it.
type document struct {
	status   int
	url      *url.URL
	header   http.Header
	location string
	body     string
	fields   url.Values
	action   string
}

func (b *browser) get(address string) *document {
	b.t.Helper()
	request, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.do(request)
}

func (b *browser) post(address string, form url.Values) *document {
	b.t.Helper()
	request, err := http.NewRequest(http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.do(request)
}

func (b *browser) do(request *http.Request) *document {
	b.t.Helper()
	response, err := b.client.Do(request)
	if err != nil {
		b.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	seen := &document{
		status: response.StatusCode, url: response.Request.URL, header: response.Header,
		location: response.Header.Get("Location"), body: string(body), fields: url.Values{},
	}
	seen.readForm()
	return seen
}

// submit sends the form of a page, with values put in.
func (b *browser) submit(page *document, values map[string]string) *document {
	b.t.Helper()
	if page.action == "" {
		b.t.Fatalf("no form on %s (%d): %.300s", page.url, page.status, page.body)
	}
	form := url.Values{}
	for name, all := range page.fields {
		form[name] = all
	}
	for name, value := range values {
		form.Set(name, value)
	}
	target, err := page.url.Parse(page.action)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.post(target.String(), form)
}

// readForm reads the first form that is posted, with every box ticked.
func (d *document) readForm() {
	root, err := html.Parse(strings.NewReader(d.body))
	if err != nil {
		return
	}
	for form := range root.Descendants() {
		if form.Data != "form" || !strings.EqualFold(attributes(form)["method"], "post") {
			continue
		}
		d.action = attributes(form)["action"]
		for node := range form.Descendants() {
			if node.Data == "input" {
				d.fields.Add(attributes(node)["name"], attributes(node)["value"])
			}
		}
		return
	}
}

func attributes(node *html.Node) map[string]string {
	all := map[string]string{}
	for _, attribute := range node.Attr {
		all[attribute.Key] = attribute.Val
	}
	return all
}

// attempt is one login as a relying party with an independent library sees it.
type attempt struct {
	config   oauth2.Config
	provider *oidc.Provider
	ctx      context.Context
	state    string
	nonce    string
	verifier string
}

func newAttempt(t testing.TB, gateway string, scopes ...string) *attempt {
	t.Helper()
	b := newBrowser(t)
	ctx := oidc.ClientContext(t.Context(), b.client)
	if gateway != shared.issuer {
		ctx = oidc.InsecureIssuerURLContext(ctx, shared.issuer)
	}
	provider, err := oidc.NewProvider(ctx, gateway)
	if err != nil {
		t.Fatal(err)
	}
	endpoint := provider.Endpoint()
	endpoint.AuthURL = gateway + "/authorize"
	endpoint.TokenURL = gateway + "/token"
	endpoint.AuthStyle = oauth2.AuthStyleInParams
	return &attempt{
		ctx: ctx, provider: provider, state: rand.Text(), nonce: rand.Text(), verifier: oauth2.GenerateVerifier(),
		config: oauth2.Config{ClientID: clientID, Endpoint: endpoint, RedirectURL: shared.callback, Scopes: append([]string{"openid"}, scopes...)},
	}
}

func (a *attempt) authorizeURL(more ...oauth2.AuthCodeOption) string {
	return a.config.AuthCodeURL(a.state, append([]oauth2.AuthCodeOption{
		oauth2.S256ChallengeOption(a.verifier), oidc.Nonce(a.nonce),
	}, more...)...)
}

func promptConsent() oauth2.AuthCodeOption { return oauth2.SetAuthURLParam("prompt", "consent") }

// code returns what a callback brings, after checking state and iss.
func (a *attempt) code(t testing.TB, answer *document) string {
	t.Helper()
	target, err := url.Parse(answer.location)
	if err != nil || answer.status != http.StatusSeeOther {
		t.Fatalf("no callback but %d %q: %.300s", answer.status, answer.location, answer.body)
	}
	query := target.Query()
	if query.Get("state") != a.state || query.Get("iss") != shared.issuer || query.Get("code") == "" {
		t.Fatalf("callback %s", answer.location)
	}
	return query.Get("code")
}

func (a *attempt) exchange(code string) (*oauth2.Token, error) {
	return a.config.Exchange(a.ctx, code, oauth2.VerifierOption(a.verifier),
		oauth2.SetAuthURLParam("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
		oauth2.SetAuthURLParam("client_assertion", assertion(clientID, nil)))
}

// assertion makes a client assertion; change may spoil it.
func assertion(id string, change func(*jwt.Claims)) string {
	key := jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: shared.clientKey, KeyID: "k1"}}
	signer, err := jose.NewSigner(key, nil)
	if err != nil {
		panic(err)
	}
	now := time.Now()
	claims := jwt.Claims{
		Issuer: id, Subject: id, Audience: jwt.Audience{shared.issuer}, ID: rand.Text(),
		IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(time.Minute)),
	}
	if change != nil {
		change(&claims)
	}
	text, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		panic(err)
	}
	return text
}

// logIn goes through the pages as individualID and returns the code.
func (a *attempt) logIn(t testing.TB, b *browser, individualID string) string {
	t.Helper()
	return a.code(t, b.logIn(b.get(a.authorizeURL(promptConsent())), individualID))
}

// logIn fills in the pages from page on, until the browser is sent back.
func (b *browser) logIn(page *document, individualID string) *document {
	b.t.Helper()
	for range 2 {
		switch {
		case page.location != "":
			return page
		case page.fields.Has("pin"):
			page = b.submit(page, map[string]string{"individual_id": individualID, "pin": pin})
		default:
			page = b.submit(page, map[string]string{"decision": "allow"})
		}
	}
	return page
}

// errorCode returns the OAuth error in err, "" for success, and the status.
func errorCode(err error) (string, int) {
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) {
		return refused.ErrorCode, refused.Response.StatusCode
	}
	if err != nil {
		return fmt.Sprintf("%v", err), 0
	}
	return "", http.StatusOK
}
