package vci_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"tocsin/system/identity/token/tokentest"
	"tocsin/system/identity/vci/issue"
	"tocsin/system/identity/vci/offer"
)

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
