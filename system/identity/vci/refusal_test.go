package vci_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"tocsin/system/identity/oautherr"
	"tocsin/system/identity/token/tokentest"
	"tocsin/system/identity/vci/issue"
	"tocsin/system/identity/vci/offer"
	"tocsin/system/identity/vci/vcitest"
)

func TestCredentialRequestsThatAreRefused(t *testing.T) {
	s := newStand(t)
	scoped, identified := s.scoped(s.Plain, sdJWT), s.identified(s.Plain, sdJWT)
	good := s.prove(s.wallet)
	proof := func(wish vcitest.Proof) map[string]any {
		nonce := s.nonce()
		if given, changed := wish.Claims["nonce"].(string); changed {
			nonce = given
		}
		return map[string]any{"jwt": []string{s.wallet.Prove(t, issuer, nonce, s.Clock.Unix(), wish)}}
	}
	ask := func(proofs any) map[string]any {
		return map[string]any{"credential_configuration_id": sdJWT, "proofs": proofs}
	}
	stranger := vcitest.NewWallet(t)
	attestation, err := vcitest.Sign(stranger.Private, "key-attestation+jwt", "", nil, map[string]any{
		"iat": s.Clock.Unix(), "exp": s.Clock.Unix() + 60, "nonce": s.nonce(), "attested_keys": []jose.JSONWebKey{s.wallet.JWK()},
	})
	if err != nil {
		t.Fatal(err)
	}
	recipient := map[string]any{"jwk": jose.JSONWebKey{Key: s.wallet.Private.Public(), Algorithm: "ECDH-ES"}, "enc": "XYZ"}
	for _, test := range []struct {
		name   string
		with   access
		body   any
		want   oautherr.Kind
		status int
	}{
		{"oid4vci-1_0-issuer-fail-invalid-nonce", scoped, ask(proof(vcitest.Proof{Claims: map[string]any{"nonce": "x"}})), oautherr.InvalidNonce, 400},
		{"oid4vci-1_0-issuer-fail-invalid-jwt-proof-signature", scoped, ask(proof(vcitest.Proof{Signer: stranger.Private})), oautherr.InvalidProof, 400},
		{"oid4vci-1_0-issuer-fail-invalid-key-attestation-signature", scoped, ask(map[string]any{"attestation": []string{attestation}}), oautherr.InvalidProof, 400},
		{"oid4vci-1_0-issuer-fail-invalid-key-attestation-signature in a proof", scoped, ask(proof(vcitest.Proof{Header: map[string]any{"jwk": s.wallet.JWK(), "key_attestation": attestation}})), oautherr.InvalidProof, 400},
		{"oid4vci-1_0-issuer-fail-missing-proof", scoped, map[string]any{"credential_configuration_id": sdJWT}, oautherr.InvalidProof, 400},
		{"oid4vci-1_0-issuer-fail-unsupported-encryption-algorithm", scoped, map[string]any{"credential_configuration_id": sdJWT, "proofs": good, "credential_response_encryption": recipient}, oautherr.InvalidEncryptionParameters, 400},
		{"oid4vci-1_0-issuer-fail-unknown-credential-configuration", scoped, map[string]any{"credential_configuration_id": "x", "proofs": good}, oautherr.UnknownCredentialConfiguration, 400},
		{"oid4vci-1_0-issuer-fail-unknown-credential-configuration with identifiers", identified, map[string]any{"credential_configuration_id": "x", "proofs": good}, oautherr.UnknownCredentialConfiguration, 400},
		{"oid4vci-1_0-issuer-fail-unknown-credential-identifier", identified, map[string]any{"credential_identifier": "x", "proofs": good}, oautherr.UnknownCredentialIdentifier, 400},
		{"an identifier with a token that has none", scoped, map[string]any{"credential_identifier": sdJWT, "proofs": good}, oautherr.UnknownCredentialIdentifier, 400},
		{"a configuration where there is an identifier", identified, ask(good), oautherr.InvalidCredentialRequest, 400},
		{"both", identified, map[string]any{"credential_identifier": sdJWT + "#1", "credential_configuration_id": sdJWT, "proofs": good}, oautherr.InvalidCredentialRequest, 400},
		{"neither", scoped, map[string]any{"proofs": good}, oautherr.InvalidCredentialRequest, 400},
		{"the proof parameter of drafts", scoped, map[string]any{"credential_configuration_id": sdJWT, "proof": map[string]any{}}, oautherr.InvalidProof, 400},
		{"a credential of another scope", scoped, map[string]any{"credential_configuration_id": mDoc, "proofs": good}, oautherr.InsufficientScope, 403},
		{"a token of no person", s.service("tax:read"), ask(good), oautherr.InsufficientScope, 403},
		{"no token", access{}, ask(good), oautherr.InvalidToken, 401},
		{"a changed token", access{text: scoped.text[:len(scoped.text)-4] + "AAAA"}, ask(good), oautherr.InvalidToken, 401},
		{"a DPoP token without its proof", access{text: s.scoped(s.Wallet, sdJWT).text}, ask(good), "", 401},
		{"no object", scoped, []string{"x"}, oautherr.InvalidCredentialRequest, 400},
		{"a JWT that is none", scoped, "x", oautherr.InvalidEncryptionParameters, 400},
		{"a repeated member", scoped, json.RawMessage(`{"credential_configuration_id":"x","credential_configuration_id":"` + sdJWT + `"}`), oautherr.InvalidCredentialRequest, 400},
		{"a member of the wrong type", scoped, map[string]any{"credential_configuration_id": 1, "proofs": good}, oautherr.InvalidCredentialRequest, 400},
		{"too much", scoped, strings.Repeat("x", 1<<20), oautherr.InvalidCredentialRequest, 400},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := s.send(http.MethodPost, "/vci/credential", test.with, test.body)
			if got := refusal(t, w); w.Code != test.status || test.want != "" && got != string(test.want) {
				t.Errorf("%d %s, want %d %s", w.Code, got, test.status, test.want)
			}
			if challenged := w.Header().Get("WWW-Authenticate") != ""; challenged != (test.status == 401 || test.status == 403) {
				t.Errorf("WWW-Authenticate: %q", w.Header().Values("WWW-Authenticate"))
			}
		})
	}
	if next, err := s.records.Next(t.Context()); err != nil || next != 0 {
		t.Errorf("refused requests used up %d status entries: %v", next, err)
	}
}

func TestATokenInTheAddressIsNotTaken(t *testing.T) {
	s := newStand(t)
	t.Run("oid4vci-1_0-issuer-fail-on-access-token-in-query", func(t *testing.T) {
		request := map[string]any{"credential_configuration_id": sdJWT, "proofs": s.prove(s.wallet)}
		with := s.scoped(s.Plain, sdJWT)
		w := s.send(http.MethodPost, "/vci/credential?access_token="+url.QueryEscape(with.text), access{}, request)
		if w.Code < 400 || w.Code >= 500 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}

func TestAPersonWithoutWhatIsCertifiedIsDenied(t *testing.T) {
	s := newStand(t)
	delete(s.People.Claimed, "family_name")
	request := map[string]any{"credential_configuration_id": sdJWT, "proofs": s.prove(s.wallet)}
	if got := refusal(t, s.ask(s.scoped(s.Plain, sdJWT), request)); got != "credential_request_denied" {
		t.Error(got)
	}
}

func TestACredentialWaitsForTheSigningKey(t *testing.T) {
	s := newStand(t)
	with := s.scoped(s.Plain, mDoc)
	s.key.Fail(errors.New("no HSM"))
	later := s.obtain(with, "credential_configuration_id", mDoc, http.StatusAccepted)
	collect := func(status int) *issue.Response {
		t.Helper()
		return tokentest.Decode[issue.Response](t, s.send(http.MethodPost, "/vci/deferred", with, map[string]any{"transaction_id": later.TransactionID}), status)
	}
	s.Clock = s.Clock.Add(time.Minute)
	if still := collect(http.StatusAccepted); still.TransactionID != later.TransactionID {
		t.Errorf("another transaction: %+v", still)
	}
	s.key.Fail(nil)
	if got := collect(http.StatusOK); len(got.Credentials) != 1 {
		t.Errorf("%+v", got)
	}
	if next, err := s.records.Next(t.Context()); err != nil || next != 1 {
		t.Errorf("three attempts used %d status entries: %v", next, err)
	}
}

// The answers that are no verdict: 503 with Retry-After, or a transaction to
// come back with.
func TestWhatIsAwayIsNeverTheWalletsFault(t *testing.T) {
	away := errors.New("away")
	losses := map[string]func(s *stand, err error){
		"database":      func(s *stand, err error) { s.records.Fail(err) },
		"HSM":           func(s *stand, err error) { s.key.Fail(err) },
		"authenticator": func(s *stand, err error) { s.People.Away = err },
		"token keys":    func(s *stand, err error) { s.Keys.Away = err },
		"quorum":        func(s *stand, err error) { s.Quorum.Away = err },
	}
	type call struct {
		name string
		// works are the losses that the call does without.
		works   string
		prepare func(s *stand) func() *httptest.ResponseRecorder
	}
	credential := func(client func(s *stand) *tokentest.Party) func(s *stand) func() *httptest.ResponseRecorder {
		return func(s *stand) func() *httptest.ResponseRecorder {
			with := s.scoped(client(s), sdJWT)
			request := map[string]any{"credential_configuration_id": sdJWT, "proofs": s.prove(s.wallet)}
			return func() *httptest.ResponseRecorder { return s.ask(with, request) }
		}
	}
	plain, wallet := func(s *stand) *tokentest.Party { return s.Plain }, func(s *stand) *tokentest.Party { return s.Wallet }
	for _, call := range []call{
		{"credential", "HSM, token keys, quorum", credential(plain)},
		{"credential with DPoP", "HSM, token keys", credential(wallet)},
		{"reviewed credential", "database, HSM, authenticator, token keys, quorum", func(s *stand) func() *httptest.ResponseRecorder {
			with := s.scoped(s.Plain, reviewed)
			request := map[string]any{"credential_configuration_id": reviewed, "proofs": s.prove(s.wallet)}
			return func() *httptest.ResponseRecorder { return s.ask(with, request) }
		}},
		{"deferred", "HSM, token keys, quorum", func(s *stand) func() *httptest.ResponseRecorder {
			with := s.scoped(s.Plain, reviewed)
			later := s.obtain(with, "credential_configuration_id", reviewed, http.StatusAccepted)
			s.Clock = s.Clock.Add(time.Minute)
			return func() *httptest.ResponseRecorder {
				return s.send(http.MethodPost, "/vci/deferred", with, map[string]any{"transaction_id": later.TransactionID})
			}
		}},
		{"notification", "HSM, authenticator, token keys, quorum", func(s *stand) func() *httptest.ResponseRecorder {
			with := s.scoped(s.Plain, sdJWT)
			id := s.obtain(with, "credential_configuration_id", sdJWT, http.StatusOK).NotificationID
			return func() *httptest.ResponseRecorder {
				return s.send(http.MethodPost, "/vci/notification", with, map[string]any{"notification_id": id, "event": "credential_accepted"})
			}
		}},
		{"revocation", "HSM, authenticator, token keys, quorum", func(s *stand) func() *httptest.ResponseRecorder {
			id := s.obtain(s.scoped(s.Plain, sdJWT), "credential_configuration_id", sdJWT, http.StatusOK).NotificationID
			with := s.service("credential_revocation")
			return func() *httptest.ResponseRecorder {
				return s.send(http.MethodPost, "/vci/credentials/"+id+"/revoke", with, struct{}{})
			}
		}},
		{"offer", "database, HSM, token keys, quorum", func(s *stand) func() *httptest.ResponseRecorder {
			with := s.service(offer.Scope)
			body := map[string]any{"credential_configuration_ids": []string{sdJWT}, "person": tokentest.Person}
			return func() *httptest.ResponseRecorder { return s.send(http.MethodPost, "/vci/offers", with, body) }
		}},
		{"pre-authorized code", "database, HSM, authenticator", func(s *stand) func() *httptest.ResponseRecorder {
			made := s.offer(map[string]any{"credential_configuration_ids": []string{sdJWT}, "person": tokentest.Person, "tx_code": map[string]any{}}, http.StatusCreated)
			form := url.Values{"grant_type": {offer.PreAuthorizedCode}, "pre-authorized_code": {made.preAuthorized()["pre-authorized_code"].(string)}, "tx_code": {made.TxCode}}
			return func() *httptest.ResponseRecorder { return s.Token(s.t, form, nil) }
		}},
		{"nonce", "database, HSM, authenticator, token keys, quorum", func(s *stand) func() *httptest.ResponseRecorder {
			return func() *httptest.ResponseRecorder { return s.send(http.MethodPost, "/vci/nonce", access{}, struct{}{}) }
		}},
		{"status list", "database, HSM, authenticator, token keys, quorum", func(s *stand) func() *httptest.ResponseRecorder {
			return func() *httptest.ResponseRecorder { return s.get("/status-lists/0") }
		}},
		{"metadata", "database, HSM, authenticator, token keys, quorum", func(s *stand) func() *httptest.ResponseRecorder {
			return func() *httptest.ResponseRecorder { return s.get("/.well-known/openid-credential-issuer") }
		}},
		{"signed metadata", "database, authenticator, token keys, quorum", func(s *stand) func() *httptest.ResponseRecorder {
			return func() *httptest.ResponseRecorder {
				return s.get("/.well-known/openid-credential-issuer", "Accept", "application/jwt")
			}
		}},
		{"keys", "database, authenticator, token keys, quorum", func(s *stand) func() *httptest.ResponseRecorder {
			return func() *httptest.ResponseRecorder { return s.get("/vci/jwks.json") }
		}},
	} {
		for name, lose := range losses {
			t.Run(call.name+" without "+name, func(t *testing.T) {
				s := newStand(t)
				do := call.prepare(s)
				lose(s, away)
				lost := do()
				if works := strings.Contains(call.works, name); works != (lost.Code < 300) {
					t.Errorf("%d %s", lost.Code, lost.Body)
				}
				if lost.Code >= 300 && (lost.Code != http.StatusServiceUnavailable || lost.Header().Get("Retry-After") == "") {
					t.Errorf("%d, Retry-After %q: %s", lost.Code, lost.Header().Get("Retry-After"), lost.Body)
				}
				lose(s, nil)
				if lost.Code < 300 || call.name == "credential with DPoP" { // each proof is good once
					return
				}
				if again := do(); again.Code >= 300 {
					t.Errorf("once it is back: %d %s", again.Code, again.Body)
				}
			})
		}
	}
}

// parallel is how many do the same at once.
const parallel = 50

// atOnce counts those of parallel calls that succeed.
func atOnce(do func() bool) int {
	var group sync.WaitGroup
	var succeeded atomic.Int64
	for range parallel {
		group.Go(func() {
			if do() {
				succeeded.Add(1)
			}
		})
	}
	group.Wait()
	return int(succeeded.Load())
}

func TestAPreAuthorizedCodeIsGoodOnceForManyAtOnce(t *testing.T) {
	s := newStand(t)
	made := s.offer(map[string]any{"credential_configuration_ids": []string{sdJWT}, "person": tokentest.Person}, http.StatusCreated)
	form := url.Values{"grant_type": {offer.PreAuthorizedCode}, "pre-authorized_code": {made.preAuthorized()["pre-authorized_code"].(string)}}
	if accepted := atOnce(func() bool { return s.Token(t, form, nil).Code == http.StatusOK }); accepted != 1 {
		t.Errorf("%d of %d are accepted", accepted, parallel)
	}
}

func TestGuessesMadeAtOnceAreCountedTogether(t *testing.T) {
	s := newStand(t)
	made := s.offer(map[string]any{"credential_configuration_ids": []string{sdJWT}, "person": tokentest.Person, "tx_code": map[string]any{}}, http.StatusCreated)
	form := url.Values{"grant_type": {offer.PreAuthorizedCode}, "pre-authorized_code": {made.preAuthorized()["pre-authorized_code"].(string)}, "tx_code": {"wrong"}}
	tried := atOnce(func() bool {
		w := s.Token(t, form, nil)
		return strings.Contains(w.Body.String(), "tx_code is wrong")
	})
	if tried != 5 {
		t.Errorf("%d guesses were answered, 5 are allowed", tried)
	}
}

func TestATransactionPickedUpByManyAtOnceIsOneIssuance(t *testing.T) {
	s := newStand(t)
	with := s.scoped(s.Plain, reviewed)
	later := s.obtain(with, "credential_configuration_id", reviewed, http.StatusAccepted)
	s.Clock = s.Clock.Add(time.Minute)
	accepted := atOnce(func() bool {
		return s.send(http.MethodPost, "/vci/deferred", with, map[string]any{"transaction_id": later.TransactionID}).Code == http.StatusOK
	})
	if next, err := s.records.Next(t.Context()); err != nil || next != 1 || accepted != parallel {
		t.Errorf("%d status entries for %d answers: %v", next, accepted, err)
	}
}

func benchmark(b *testing.B, configuration string) {
	s := newStand(b)
	with := s.scoped(s.Plain, configuration)
	request := map[string]any{"credential_configuration_id": configuration, "proofs": s.prove(s.wallet)}
	for b.Loop() {
		if w := s.ask(with, request); w.Code != http.StatusOK {
			b.Fatal(w.Code, w.Body)
		}
	}
}

func BenchmarkCredentialSDJWT(b *testing.B) { benchmark(b, sdJWT) }
func BenchmarkCredentialJWTVC(b *testing.B) { benchmark(b, jwtVC) }
func BenchmarkCredentialMDoc(b *testing.B)  { benchmark(b, mDoc) }
