package identity_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"golang.org/x/oauth2"
)

// prepareWallet gets an offer and, for another one, an access token.
func (p *prepared) prepareWallet(t *testing.T) {
	t.Helper()
	made := p.makeOffer(t)
	p.offer = made.Address
	answer := p.b.post(shared.issuer+"/token", url.Values{
		"grant_type":          {"urn:ietf:params:oauth:grant-type:pre-authorized_code"},
		"pre-authorized_code": {made.code()}, "tx_code": {made.TxCode},
	})
	var token struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(answer.body), &token); err != nil || token.AccessToken == "" {
		t.Fatalf("pre-authorized code: %d %s", answer.status, answer.body)
	}
	p.walletToken = token.AccessToken
	if answer := p.credential(); answer.status != http.StatusOK {
		t.Fatalf("credential: %d %s", answer.status, answer.body)
	}
	published := func() error {
		for _, z := range shared.zones {
			if answer := p.b.get(z.gateway + "/status-lists/0"); answer.status != http.StatusOK {
				return fmt.Errorf("status list: %d %s", answer.status, answer.body)
			}
		}
		return nil
	}
	if err := await(t.Context(), 20*time.Second, published); err != nil {
		t.Fatal(err)
	}
}

type madeOffer struct {
	Address string `json:"credential_offer_uri"`
	TxCode  string `json:"tx_code"`
	Offer   struct {
		Grants map[string]struct {
			Code string `json:"pre-authorized_code"`
		} `json:"grants"`
	} `json:"credential_offer"`
}

func (m *madeOffer) code() string {
	return m.Offer.Grants["urn:ietf:params:oauth:grant-type:pre-authorized_code"].Code
}

func (p *prepared) makeOffer(t *testing.T) *madeOffer {
	t.Helper()
	body := `{"credential_configuration_ids":["national_id_sd_jwt"],"tx_code":{"length":6}}`
	answer := p.b.authorized(http.MethodPost, shared.issuer+"/vci/offers", p.access, body)
	made := &madeOffer{}
	if err := json.Unmarshal([]byte(answer.body), made); err != nil || made.Address == "" {
		t.Fatalf("offer: %d %s", answer.status, answer.body)
	}
	return made
}

// credential asks for one credential with a proof for a new key.
func (p *prepared) credential() *document {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		p.b.t.Fatal(err)
	}
	var nonce struct {
		Nonce string `json:"c_nonce"`
	}
	if answer := p.b.post(shared.issuer+"/vci/nonce", nil); json.Unmarshal([]byte(answer.body), &nonce) != nil {
		p.b.t.Fatalf("nonce: %d %s", answer.status, answer.body)
	}
	options := (&jose.SignerOptions{EmbedJWK: true}).WithType("openid4vci-proof+jwt")
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, options)
	if err != nil {
		p.b.t.Fatal(err)
	}
	proof, err := jwt.Signed(signer).Claims(map[string]any{"aud": shared.issuer, "iat": time.Now().Unix(), "nonce": nonce.Nonce}).Serialize()
	if err != nil {
		p.b.t.Fatal(err)
	}
	body := fmt.Sprintf(`{"credential_configuration_id":"national_id_sd_jwt","proofs":{"jwt":[%q]}}`, proof)
	return p.b.authorized(http.MethodPost, shared.issuer+"/vci/credential", p.walletToken, body)
}

// esignetDetails begins a login through eSignet's interface.
func (p *prepared) esignetDetails() *document {
	return p.envelope("/authorization/v2/oauth-details", map[string]any{
		"clientId": clientID, "scope": "openid profile", "responseType": "code", "redirectUri": shared.callback,
		"state": p.a.state, "nonce": p.a.nonce, "acrValues": "mosip:idp:acr:static-code",
		"codeChallenge": oauth2.S256ChallengeFromVerifier(p.a.verifier), "codeChallengeMethod": "S256",
	}, nil)
}

// envelope posts a request of eSignet's with its CSRF token.
func (p *prepared) envelope(path string, request any, header http.Header) *document {
	p.b.t.Helper()
	b := newBrowser(p.b.t)
	csrf := b.get(shared.issuer + "/v1/esignet/csrf/token")
	var token struct {
		Token string `json:"token"`
	}
	if err := json.Unmarshal([]byte(csrf.body), &token); err != nil {
		p.b.t.Fatalf("csrf: %d %s", csrf.status, csrf.body)
	}
	body, err := json.Marshal(map[string]any{"requestTime": time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), "request": request})
	if err != nil {
		p.b.t.Fatal(err)
	}
	asked, err := http.NewRequest(http.MethodPost, shared.issuer+"/v1/esignet"+path, bytes.NewReader(body))
	if err != nil {
		p.b.t.Fatal(err)
	}
	asked.Header.Set("Content-Type", "application/json")
	asked.Header.Set("X-XSRF-TOKEN", token.Token)
	for name, values := range header {
		asked.Header[name] = values
	}
	return b.do(asked)
}

// TestStatusListOutlivesEverything: verifiers ask for it long after issuance.
func TestStatusListOutlivesEverything(t *testing.T) {
	p := prepare(t)
	var issued struct {
		Credentials []struct{ Credential string }
	}
	answer := p.credential()
	if err := json.Unmarshal([]byte(answer.body), &issued); err != nil || len(issued.Credentials) != 1 {
		t.Fatalf("credential: %d %s", answer.status, answer.body)
	}
	list := p.statusList(t, issued.Credentials[0].Credential)
	bring := shared.loseEverything(t)
	defer bring()
	if answer := p.b.get(list); answer.status != http.StatusOK {
		t.Errorf("%s says %d: %s", list, answer.status, answer.body)
	}
}

func (p *prepared) statusList(t *testing.T, credential string) string {
	t.Helper()
	parsed, err := jwt.ParseSigned(strings.Split(credential, "~")[0], []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	var claims struct {
		Status struct {
			List struct {
				URI string `json:"uri"`
			} `json:"status_list"`
		} `json:"status"`
	}
	if err := parsed.UnsafeClaimsWithoutVerification(&claims); err != nil {
		t.Fatal(err)
	}
	if claims.Status.List.URI == "" {
		t.Fatal("credential without status list")
	}
	return claims.Status.List.URI
}

// killPlugins kills the plug-in of every provider in this process.
func (s *site) killPlugins() error {
	children, err := os.ReadFile(fmt.Sprintf("/proc/%[1]d/task/%[1]d/children", os.Getpid()))
	if err != nil {
		return err
	}
	for _, text := range strings.Fields(string(children)) {
		pid, err := strconv.Atoi(text)
		if err != nil {
			return err
		}
		command, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err != nil || !strings.Contains(string(command), "mock-id") {
			continue
		}
		process, err := os.FindProcess(pid)
		if err != nil {
			return err
		}
		if err := process.Kill(); err != nil {
			return err
		}
	}
	return nil
}
