//go:build interop

package interop

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"golang.org/x/oauth2"

	"tocsin/system/identity/clients"
	"tocsin/system/interop/browser"
	"tocsin/system/interop/ours"
)

func TestMain(m *testing.M) {
	ours.Role()
	os.Exit(m.Run())
}

func TestOurs(t *testing.T) {
	relying := ours.NewClient(t, "rp", func(c *clients.Client) { c.RedirectURIs = []string{ours.Callback} })
	signed := *relying
	signed.ID, signed.UserinfoAlg = "rp-signed", jose.ES256
	wallet := ours.NewClient(t, "wallet", nil)
	telephone := ours.NewClient(t, "telephone", ours.Public)
	system := ours.Start(t, relying, &signed, wallet, telephone)

	t.Run("a relying-party library completes its flows", func(t *testing.T) {
		RelyingParty{
			Issuer: system.Issuer, Authority: system.Authority, ClientID: "rp", Signed: "rp-signed", Key: relying.Key, KeyID: "ec",
			RedirectURI: ours.Callback, PostLogoutRedirectURI: ours.Goodbye,
			Scope: "openid profile email", ServiceScope: "grant_management_query", Person: system.Person(),
		}.Run(t)
	})
	for name, client := range map[string]*ours.Client{"a wallet library": wallet, "a wallet library without keys of its own": telephone} {
		t.Run(name+" fetches and verifies credentials", func(t *testing.T) {
			person := system.Person()
			link, txCode := offer(t, system, relying, person, "national_id_sd_jwt", "national_id_mdoc", "national_id_jwt_vc")
			meeting := Wallet{
				Issuer: system.Issuer, Authority: system.Authority, ClientID: client.ID, RedirectURI: client.RedirectURIs[0],
				Offer: link, TxCode: txCode, Person: person,
				Configurations: []string{"national_id_sd_jwt", "national_id_mdoc", "national_id_jwt_vc", "national_id_reviewed"},
			}
			if !client.IsPublic() {
				meeting.Key, meeting.KeyID = client.Key, "ec"
			}
			meeting.Run(t)
		})
	}
}

// offer lets person, who logs in at client, offer credentials to a wallet.
func offer(t *testing.T, system *ours.System, client *ours.Client, person browser.Person, configurations ...string) (link, txCode string) {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: system.Trust, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	ctx := oidc.ClientContext(t.Context(), &http.Client{Transport: transport})
	token, err := logIn(ctx, system, client, person, transport)
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(map[string]any{"credential_configuration_ids": configurations, "tx_code": map[string]any{"length": 6}})
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, system.Issuer+"/vci/offers", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	token.SetAuthHeader(request)
	response, err := transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var made struct {
		ByReference string `json:"by_reference"`
		TxCode      string `json:"tx_code"`
	}
	if err := json.NewDecoder(response.Body).Decode(&made); err != nil || response.StatusCode != http.StatusCreated {
		t.Fatalf("offer: %d %v", response.StatusCode, err)
	}
	return made.ByReference, made.TxCode
}

// logIn is a login with coreos/go-oidc and x/oauth2.
func logIn(ctx context.Context, system *ours.System, client *ours.Client, person browser.Person, transport http.RoundTripper) (*oauth2.Token, error) {
	provider, err := oidc.NewProvider(ctx, system.Issuer)
	if err != nil {
		return nil, err
	}
	config := oauth2.Config{
		ClientID: client.ID, Endpoint: provider.Endpoint(), RedirectURL: client.RedirectURIs[0], Scopes: []string{"openid", "credential_offer"},
	}
	config.Endpoint.AuthStyle = oauth2.AuthStyleInParams
	front, err := browser.New(transport, config.RedirectURL)
	if err != nil {
		return nil, err
	}
	verifier := oauth2.GenerateVerifier()
	page, err := front.Open(ctx, config.AuthCodeURL(rand.Text(), oauth2.S256ChallengeOption(verifier)))
	if err != nil {
		return nil, err
	}
	visit, err := front.LogIn(ctx, page, person, browser.Allow)
	if err != nil {
		return nil, err
	}
	back, err := visit.Callback()
	if err != nil {
		return nil, err
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: client.Key, KeyID: "ec"}}, nil)
	if err != nil {
		return nil, err
	}
	assertion, err := jwt.Signed(signer).Claims(jwt.Claims{
		Issuer: client.ID, Subject: client.ID, Audience: jwt.Audience{system.Issuer}, ID: rand.Text(),
		IssuedAt: jwt.NewNumericDate(time.Now()), Expiry: jwt.NewNumericDate(time.Now().Add(time.Minute)),
	}).Serialize()
	if err != nil {
		return nil, err
	}
	return config.Exchange(ctx, back.Get("code"), oauth2.VerifierOption(verifier),
		oauth2.SetAuthURLParam("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
		oauth2.SetAuthURLParam("client_assertion", assertion))
}
