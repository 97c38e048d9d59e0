package vci_test

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/go-jose/go-jose/v4"
	"github.com/veraison/go-cose"

	"tocsin/system/identity/token"
	"tocsin/system/identity/token/tokentest"
	"tocsin/system/identity/vci/configuration"
	"tocsin/system/identity/vci/issue"
	"tocsin/system/identity/vci/offer"
	"tocsin/system/identity/vci/record"
	"tocsin/system/identity/vci/sdjwt"
	"tocsin/system/identity/vci/statuslist"
	"tocsin/system/identity/vci/vcitest"
)

const (
	sdJWT    = "national_id_sd_jwt"
	jwtVC    = "national_id_jwt_vc"
	mDoc     = "national_id_mdoc"
	reviewed = "national_id_reviewed"
)

// status is the entry of a credential in a list.
type status struct {
	Index uint32 `json:"idx" cbor:"idx"`
	URI   string `json:"uri" cbor:"uri"`
}

// opened verifies an SD-JWT credential as a verifier does and returns its claims.
func (s *stand) opened(credential string) map[string]any {
	s.t.Helper()
	presentation, err := sdjwt.Parse(credential)
	if err != nil {
		s.t.Fatal(err)
	}
	claims, err := presentation.Open(s.key.Public())
	if err != nil {
		s.t.Fatal(err)
	}
	return claims
}

func statusOf(t testing.TB, claims map[string]any) status {
	t.Helper()
	var found struct {
		Status struct {
			List status `json:"status_list"`
		} `json:"status"`
	}
	if err := json.Unmarshal([]byte(tokentest.JSON(t, claims)), &found); err != nil || found.Status.List.URI == "" {
		t.Fatalf("no status in %v: %v", claims, err)
	}
	return found.Status.List
}

// revoked fetches the status list and looks the entry up.
func (s *stand) revoked(at status) bool {
	s.t.Helper()
	w := s.get(strings.TrimPrefix(at.URI, issuer))
	object, err := jose.ParseSignedCompact(w.Body.String(), []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		s.t.Fatalf("%d %v", w.Code, err)
	}
	payload, err := object.Verify(s.key.Public())
	if err != nil {
		s.t.Fatal(err)
	}
	var claims struct {
		Subject string             `json:"sub"`
		List    statuslist.Encoded `json:"status_list"`
	}
	if err := json.Unmarshal(payload, &claims); err != nil || claims.Subject != at.URI {
		s.t.Fatalf("sub %q, want %q: %v", claims.Subject, at.URI, err)
	}
	list, err := statuslist.Decode(claims.List)
	if err != nil {
		s.t.Fatal(err)
	}
	return list.Revoked(at.Index)
}

func TestHappyFlows(t *testing.T) {
	s := newStand(t)
	for _, test := range []struct {
		name   string
		client *tokentest.Party
	}{
		{"oid4vci-1_0-issuer-happy-flow", s.Plain},
		{"oid4vci-1_0-issuer-happy-flow with DPoP", s.Wallet},
		{"oid4vci-1_0-issuer-happy-flow-multiple-clients", s.Other},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, form := range []struct{ name, id string }{
				{"credential_identifier", sdJWT + "#1"}, {"credential_configuration_id", sdJWT},
			} {
				with := s.scoped(test.client, sdJWT)
				if form.name == "credential_identifier" {
					with = s.identified(test.client, sdJWT)
				}
				response := s.obtain(with, form.name, form.id, http.StatusOK)
				claims := s.opened(response.Credentials[0].Credential)
				if claims["given_name"] != "Ada" || claims["vct"] != issuer+configuration.TypePath {
					t.Errorf("claims %v", claims)
				}
				jwk, isKey := claims["cnf"].(map[string]any)["jwk"].(map[string]any)
				if !isKey || jwk["x"] != s.wallet.Holder(t).JWK().X {
					t.Errorf("bound to %v", jwk)
				}
				if s.revoked(statusOf(t, claims)) {
					t.Error("a new credential is revoked")
				}
				w := s.send(http.MethodPost, "/vci/notification", with, map[string]any{
					"notification_id": response.NotificationID, "event": "credential_accepted",
				})
				if w.Code != http.StatusNoContent {
					t.Errorf("notification: %d %s", w.Code, w.Body)
				}
			}
		})
	}
}

func TestOneTokenIsGoodForSeveralRequests(t *testing.T) {
	s := newStand(t)
	t.Run("oid4vci-1_0-issuer-happy-flow-additional-requests", func(t *testing.T) {
		with := s.scoped(s.Wallet, sdJWT, jwtVC, mDoc)
		seen := map[status]bool{}
		for range 2 {
			response := s.obtain(with, "credential_configuration_id", sdJWT, http.StatusOK)
			seen[statusOf(t, s.opened(response.Credentials[0].Credential))] = true
		}
		if len(seen) != 2 {
			t.Error("two credentials share a status entry")
		}
		s.obtain(with, "credential_configuration_id", mDoc, http.StatusOK)
	})
}

func TestCredentialsOfEveryFormatAreSignedByTheChainInThem(t *testing.T) {
	s := newStand(t)
	with := s.scoped(s.Wallet, jwtVC, mDoc)
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(s.get("/vci/roots.pem").Body.Bytes()) {
		t.Fatal("there are no roots")
	}
	options := x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}
	t.Run("jwt_vc_json", func(t *testing.T) {
		credential := s.obtain(with, "credential_configuration_id", jwtVC, http.StatusOK).Credentials[0].Credential
		object, err := jose.ParseSignedCompact(credential, []jose.SignatureAlgorithm{jose.ES256})
		if err != nil {
			t.Fatal(err)
		}
		chains, err := object.Signatures[0].Header.Certificates(options)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := object.Verify(chains[0][0].PublicKey); err != nil {
			t.Error(err)
		}
	})
	t.Run("mso_mdoc", func(t *testing.T) {
		text := s.obtain(with, "credential_configuration_id", mDoc, http.StatusOK).Credentials[0].Credential
		document, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		var signed struct {
			Auth cbor.RawMessage `cbor:"issuerAuth"`
		}
		if err := cbor.Unmarshal(document, &signed); err != nil {
			t.Fatal(err)
		}
		var auth cose.UntaggedSign1Message
		if err := auth.UnmarshalCBOR(signed.Auth); err != nil {
			t.Fatal(err)
		}
		leaf, err := x509.ParseCertificate(auth.Headers.Unprotected[cose.HeaderLabelX5Chain].([]byte))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := leaf.Verify(options); err != nil {
			t.Error(err)
		}
		verifier, err := cose.NewVerifier(cose.AlgorithmES256, leaf.PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		if err := auth.Verify(nil, verifier); err != nil {
			t.Error(err)
		}
	})
}

func TestABatchHasOneCredentialForEachKey(t *testing.T) {
	s := newStand(t)
	t.Run("oid4vci-1_0-issuer-batch-issuance", func(t *testing.T) {
		wallets := make([]*vcitest.Wallet, configuration.DefaultBatch)
		for i := range wallets {
			wallets[i] = vcitest.NewWallet(t)
		}
		request := map[string]any{"credential_configuration_id": sdJWT, "proofs": s.prove(wallets...)}
		response := tokentest.Decode[issue.Response](t, s.ask(s.scoped(s.Wallet, sdJWT), request), http.StatusOK)
		if len(response.Credentials) != len(wallets) {
			t.Fatalf("%d credentials for %d keys", len(response.Credentials), len(wallets))
		}
		entries, salts := map[status]bool{}, map[string]bool{}
		for i, credential := range response.Credentials {
			claims := s.opened(credential.Credential)
			jwk := claims["cnf"].(map[string]any)["jwk"].(map[string]any)
			if jwk["x"] != wallets[i].Holder(t).JWK().X {
				t.Errorf("credential %d is bound to another key", i)
			}
			entries[statusOf(t, claims)] = true
			salts[strings.Split(credential.Credential, "~")[1]] = true
		}
		if len(entries) != len(wallets) || len(salts) != len(wallets) {
			t.Errorf("%d status entries and %d salts for %d credentials: they can be linked", len(entries), len(salts), len(wallets))
		}
	})
	t.Run("one key attestation for several keys", func(t *testing.T) {
		keys := []jose.JSONWebKey{s.wallet.JWK(), vcitest.NewWallet(t).JWK()}
		attestation, err := vcitest.Sign(s.attester.Private, "key-attestation+jwt", "", nil, map[string]any{
			"iat": s.Clock.Unix(), "nonce": s.nonce(), "attested_keys": keys,
		})
		if err != nil {
			t.Fatal(err)
		}
		request := map[string]any{"credential_configuration_id": sdJWT, "proofs": map[string]any{"attestation": []string{attestation}}}
		response := tokentest.Decode[issue.Response](t, s.ask(s.scoped(s.Wallet, sdJWT), request), http.StatusOK)
		if len(response.Credentials) != 2 {
			t.Errorf("%d credentials for 2 keys", len(response.Credentials))
		}
	})
}

func TestDeferredIssuanceSurvivesALostAnswer(t *testing.T) {
	s := newStand(t)
	with := s.scoped(s.Wallet, reviewed)
	later := s.obtain(with, "credential_configuration_id", reviewed, http.StatusAccepted)
	if later.TransactionID == "" || later.Interval != 5 || later.Credentials != nil || later.NotificationID != "" {
		t.Fatalf("%+v", later)
	}
	collect := func(with access, status int) *issue.Response {
		t.Helper()
		w := s.send(http.MethodPost, "/vci/deferred", with, map[string]any{"transaction_id": later.TransactionID})
		return tokentest.Decode[issue.Response](t, w, status)
	}
	if again := collect(with, http.StatusAccepted); again.TransactionID != later.TransactionID || again.Interval < 1 {
		t.Errorf("before it is ready: %+v", again)
	}
	s.Clock = s.Clock.Add(5 * time.Second)
	first := collect(with, http.StatusOK)
	s.Clock = s.Clock.Add(4 * time.Minute)
	second := collect(with, http.StatusOK)
	one, other := first.Credentials[0].Credential, second.Credentials[0].Credential
	if first.NotificationID != second.NotificationID || statusOf(t, s.opened(one)) != statusOf(t, s.opened(other)) {
		t.Error("after a lost answer, another credential is issued")
	}
	if !slices.Equal(strings.Split(one, "~")[1:], strings.Split(other, "~")[1:]) {
		t.Error("after a lost answer, the disclosures are other ones")
	}
	s.Clock = s.Clock.Add(20 * time.Minute)
	if got := refusal(t, s.send(http.MethodPost, "/vci/deferred", s.scoped(s.Wallet, reviewed), map[string]any{"transaction_id": later.TransactionID})); got != "invalid_transaction_id" {
		t.Errorf("bound to a key that is not used any more: %s", got)
	}
}

func TestATransactionEndsAndIsOfItsWallet(t *testing.T) {
	s := newStand(t)
	with := s.scoped(s.Plain, reviewed) // a bearer token, so that another will do
	later := s.obtain(with, "credential_configuration_id", reviewed, http.StatusAccepted)
	collect := func(with access, id string) string {
		t.Helper()
		w := s.send(http.MethodPost, "/vci/deferred", with, map[string]any{"transaction_id": id})
		if w.Code == http.StatusOK {
			return ""
		}
		return refusal(t, w)
	}
	s.Clock = s.Clock.Add(time.Minute)
	for name, test := range map[string]struct {
		with access
		id   string
		want string
	}{
		"another client":           {s.scoped(s.Other, reviewed), later.TransactionID, "invalid_transaction_id"},
		"a token of another scope": {s.scoped(s.Plain, sdJWT), later.TransactionID, "insufficient_scope"},
		"a changed id":             {with, later.TransactionID[1:], "invalid_transaction_id"},
		"no id":                    {with, "", "invalid_credential_request"},
	} {
		if got := collect(test.with, test.id); got != test.want {
			t.Errorf("%s: %q, want %s", name, got, test.want)
		}
	}
	if got := collect(with, later.TransactionID); got != "" {
		t.Fatalf("its own wallet: %s", got)
	}
	s.Clock = s.Clock.Add(11 * time.Minute)
	if got := collect(s.scoped(s.Plain, reviewed), later.TransactionID); got != "invalid_transaction_id" {
		t.Errorf("after the grace: %q", got)
	}
}

func TestARevokedCredentialIsSeenToBe(t *testing.T) {
	s := newStand(t)
	with := s.scoped(s.Wallet, sdJWT)
	response := s.obtain(with, "credential_configuration_id", sdJWT, http.StatusOK)
	claims := s.opened(response.Credentials[0].Credential)
	other := s.opened(s.obtain(with, "credential_configuration_id", sdJWT, http.StatusOK).Credentials[0].Credential)
	path := "/vci/credentials/" + claims["jti"].(string) + "/revoke"
	if got := refusal(t, s.send(http.MethodPost, path, with, struct{}{})); got != "insufficient_scope" {
		t.Errorf("with a wallet's token: %s", got)
	}
	for range 2 {
		if w := s.send(http.MethodPost, path, s.service("credential_revocation"), struct{}{}); w.Code != http.StatusNoContent {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	if err := s.vci.Lists.Renew(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !s.revoked(statusOf(t, claims)) || s.revoked(statusOf(t, other)) {
		t.Error("the revoked credential, and only it, should be seen as revoked")
	}
	if w := s.send(http.MethodPost, "/vci/credentials/unknown/revoke", s.service("credential_revocation"), struct{}{}); w.Code != http.StatusNotFound {
		t.Errorf("an unknown credential: %d", w.Code)
	}
}

func TestNotifications(t *testing.T) {
	s := newStand(t)
	with := s.scoped(s.Plain, sdJWT)
	t.Run("oid4vci-1_0-issuer-happy-flow-skip-notification", func(t *testing.T) {
		s.obtain(with, "credential_configuration_id", sdJWT, http.StatusOK)
		s.obtain(with, "credential_configuration_id", sdJWT, http.StatusOK)
	})
	id := s.obtain(with, "credential_configuration_id", sdJWT, http.StatusOK).NotificationID
	for _, test := range []struct {
		name string
		with access
		body any
		want string
	}{
		{"accepted", with, map[string]any{"notification_id": id, "event": "credential_accepted", "other": 1}, ""},
		{"accepted once more", with, map[string]any{"notification_id": id, "event": "credential_accepted"}, ""},
		{"deleted later", with, map[string]any{"notification_id": id, "event": "credential_deleted", "event_description": "No space"}, ""},
		{"by another client", s.scoped(s.Other, sdJWT), map[string]any{"notification_id": id, "event": "credential_deleted"}, "invalid_notification_id"},
		{"of an unknown issuance", with, map[string]any{"notification_id": "x", "event": "credential_deleted"}, "invalid_notification_id"},
		{"of no issuance", with, map[string]any{"event": "credential_deleted"}, "invalid_notification_request"},
		{"of an unknown event", with, map[string]any{"notification_id": id, "event": "CREDENTIAL_ACCEPTED"}, "invalid_notification_request"},
		{"with a description that is not ASCII", with, map[string]any{"notification_id": id, "event": "credential_failure", "event_description": "é"}, "invalid_notification_request"},
		{"without a token", access{}, map[string]any{"notification_id": id, "event": "credential_failure"}, "invalid_token"},
		{"as a JWT", with, "e30.e30.AA", "invalid_notification_request"},
		{"as a list", with, []string{id}, "invalid_notification_request"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := s.send(http.MethodPost, "/vci/notification", test.with, test.body)
			if test.want == "" && w.Code != http.StatusNoContent {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if test.want != "" {
				if got := refusal(t, w); got != test.want {
					t.Errorf("%s, want %s", got, test.want)
				}
			}
		})
	}
	if kept := s.records.Notification(id); kept == nil || kept.Event != record.Deleted || kept.Description != "No space" {
		t.Errorf("kept %+v", kept)
	}
}

// preAuthorized follows an offer with a pre-authorized code to a token.
func (s *stand) preAuthorized(grant map[string]any, change url.Values) (int, *token.Response) {
	s.t.Helper()
	form := url.Values{"grant_type": {offer.PreAuthorizedCode}, "pre-authorized_code": {grant["pre-authorized_code"].(string)}}
	for name, values := range change {
		form[name] = values
	}
	w := s.Token(s.t, form, nil)
	response := &token.Response{}
	if err := json.Unmarshal(w.Body.Bytes(), response); err != nil {
		s.t.Fatal(err)
	}
	return w.Code, response
}

func TestAnOfferByReferenceIsTheOfferByValue(t *testing.T) {
	s := newStand(t)
	made := s.offer(map[string]any{
		"credential_configuration_ids": []string{sdJWT, mDoc}, "person": tokentest.Person, "tx_code": map[string]any{"description": "By mail"},
		"grants": []string{"authorization_code", offer.PreAuthorizedCode},
	}, http.StatusCreated)
	link, err := url.Parse(made.ByReference)
	if err != nil || link.Scheme != "openid-credential-offer" || link.Query().Get("credential_offer_uri") != made.Address {
		t.Fatalf("%s: %v", made.ByReference, err)
	}
	w := s.get(strings.TrimPrefix(made.Address, issuer))
	value, err := url.Parse(made.ByValue)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSpace(w.Body.String()); got != value.Query().Get("credential_offer") || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("by reference %s\nby value %s", got, value.Query().Get("credential_offer"))
	}
	if made.Offer["credential_issuer"] != issuer || len(made.TxCode) != 6 || strings.Contains(w.Body.String(), made.TxCode) {
		t.Errorf("%+v", made)
	}
	state := made.Offer["grants"].(map[string]any)["authorization_code"].(map[string]any)["issuer_state"].(string)
	if opened, err := s.vci.Offers.OpenState(state); err != nil || !slices.Equal(opened.Configurations, []string{sdJWT, mDoc}) {
		t.Errorf("issuer_state: %+v %v", opened, err)
	}
	s.Clock = s.Clock.Add(offer.Life + time.Second)
	if w := s.get(strings.TrimPrefix(made.Address, issuer)); w.Code != http.StatusNotFound {
		t.Errorf("expired: %d", w.Code)
	}
}

type madeOffer struct {
	Offer       map[string]any `json:"credential_offer"`
	Address     string         `json:"credential_offer_uri"`
	ByValue     string         `json:"by_value"`
	ByReference string         `json:"by_reference"`
	TxCode      string         `json:"tx_code"`
}

func (o *madeOffer) preAuthorized() map[string]any {
	return o.Offer["grants"].(map[string]any)[offer.PreAuthorizedCode].(map[string]any)
}

func (s *stand) offer(body map[string]any, status int) *madeOffer {
	s.t.Helper()
	return tokentest.Decode[madeOffer](s.t, s.send(http.MethodPost, "/vci/offers", s.service(offer.Scope), body), status)
}

func TestAnAnonymousWalletFollowsAPreAuthorizedOffer(t *testing.T) {
	s := newStand(t)
	made := s.offer(map[string]any{"credential_configuration_ids": []string{sdJWT}, "person": tokentest.Person}, http.StatusCreated)
	code, response := s.preAuthorized(made.preAuthorized(), nil)
	if code != http.StatusOK || response.AuthorizationDetails != nil || response.Scope != sdJWT {
		t.Fatalf("%d %+v", code, response)
	}
	with := access{text: response.AccessToken}
	credential := s.obtain(with, "credential_configuration_id", sdJWT, http.StatusOK).Credentials[0].Credential
	if claims := s.opened(credential); claims["given_name"] != "Ada" {
		t.Errorf("claims %v", claims)
	}
	if code, _ := s.preAuthorized(made.preAuthorized(), nil); code != http.StatusBadRequest {
		t.Errorf("the code is good twice: %d", code)
	}
	request := map[string]any{"credential_configuration_id": sdJWT, "proofs": s.prove(s.wallet)}
	if got := refusal(t, s.ask(with, request)); got != "invalid_token" {
		t.Errorf("after its code was used twice, the token is still good: %s", got)
	}
}

func TestAWalletAsksForPartOfAnOffer(t *testing.T) {
	s := newStand(t)
	details := func(ids ...string) url.Values {
		var all []map[string]any
		for _, id := range ids {
			all = append(all, map[string]any{"type": "openid_credential", "credential_configuration_id": id})
		}
		return url.Values{"authorization_details": {tokentest.JSON(t, all)}}
	}
	body := map[string]any{"credential_configuration_ids": []string{sdJWT, mDoc}, "person": tokentest.Person}
	code, response := s.preAuthorized(s.offer(body, http.StatusCreated).preAuthorized(), details(mDoc))
	if code != http.StatusOK || len(response.AuthorizationDetails) != 1 {
		t.Fatalf("%d %+v", code, response)
	}
	s.obtain(access{text: response.AccessToken}, "credential_identifier", response.AuthorizationDetails[0].CredentialIdentifiers[0], http.StatusOK)
	for name, change := range map[string]url.Values{
		"a credential that is not offered": details(jwtVC),
		"an unknown credential":            details("unknown"),
		"no JSON":                          {"authorization_details": {"x"}},
		"another type":                     {"authorization_details": {`[{"type":"payment"}]`}},
		"another issuer":                   {"authorization_details": {`[{"type":"openid_credential","credential_configuration_id":"` + mDoc + `","locations":["https://other"]}]`}},
	} {
		if code, _ := s.preAuthorized(s.offer(body, http.StatusCreated).preAuthorized(), change); code != http.StatusBadRequest {
			t.Errorf("%s: %d", name, code)
		}
	}
}

func TestTransactionCodesAreGuessedAFewTimesOnly(t *testing.T) {
	s := newStand(t)
	body := map[string]any{"credential_configuration_ids": []string{sdJWT}, "person": tokentest.Person, "tx_code": map[string]any{"length": 4}}
	made := s.offer(body, http.StatusCreated)
	wrong := url.Values{"tx_code": {"x"}}
	token := func(grant map[string]any, change url.Values) string {
		t.Helper()
		form := url.Values{"grant_type": {offer.PreAuthorizedCode}, "pre-authorized_code": {grant["pre-authorized_code"].(string)}}
		for name, values := range change {
			form[name] = values
		}
		if w := s.Token(t, form, nil); w.Code != http.StatusOK {
			return refusal(t, w)
		}
		return ""
	}
	if shape := made.preAuthorized()["tx_code"].(map[string]any); shape["input_mode"] != "numeric" || shape["length"] != 4.0 {
		t.Errorf("tx_code is described as %v", shape)
	}
	if got := token(made.preAuthorized(), nil); got != "invalid_request" {
		t.Errorf("missing: %s", got)
	}
	for range 4 {
		if got := token(made.preAuthorized(), wrong); got != "invalid_grant" {
			t.Errorf("wrong: %s", got)
		}
	}
	if got := token(made.preAuthorized(), url.Values{"tx_code": {made.TxCode}}); got != "" {
		t.Errorf("right at the fifth time: %s", got)
	}
	made = s.offer(body, http.StatusCreated)
	for range 5 {
		token(made.preAuthorized(), wrong)
	}
	if got := token(made.preAuthorized(), url.Values{"tx_code": {made.TxCode}}); got != "invalid_grant" {
		t.Errorf("right at the sixth time: %q", got)
	}
	delete(body, "tx_code")
	if got := token(s.offer(body, http.StatusCreated).preAuthorized(), wrong); got != "invalid_request" {
		t.Errorf("unexpected: %s", got)
	}
}

func TestOffersThatCannotBeMade(t *testing.T) {
	s := newStand(t)
	ids := []string{sdJWT}
	for name, body := range map[string]any{
		"nothing": map[string]any{}, "an unknown credential": map[string]any{"credential_configuration_ids": []string{"x"}},
		"one twice":          map[string]any{"credential_configuration_ids": []string{sdJWT, sdJWT}, "person": tokentest.Person},
		"an unknown person":  map[string]any{"credential_configuration_ids": ids, "person": "nobody"},
		"no person":          map[string]any{"credential_configuration_ids": ids},
		"an unknown grant":   map[string]any{"credential_configuration_ids": ids, "grants": []string{"implicit"}},
		"no grant":           map[string]any{"credential_configuration_ids": ids, "grants": []string{}},
		"a short code":       map[string]any{"credential_configuration_ids": ids, "person": tokentest.Person, "tx_code": map[string]any{"length": 3}},
		"a code of no type":  map[string]any{"credential_configuration_ids": ids, "person": tokentest.Person, "tx_code": true},
		"a list":             []string{},
		"a list of no texts": map[string]any{"credential_configuration_ids": []int{1}},
	} {
		if got := refusal(t, s.send(http.MethodPost, "/vci/offers", s.service(offer.Scope), body)); got != "invalid_request" {
			t.Errorf("%s: %s", name, got)
		}
	}
	if got := refusal(t, s.send(http.MethodPost, "/vci/offers", s.scoped(s.Plain, sdJWT), map[string]any{})); got != "insufficient_scope" {
		t.Errorf("without the scope: %s", got)
	}
}

func TestAPersonIsOfferedTheirOwnCredentials(t *testing.T) {
	s := newStand(t)
	with := s.scoped(s.Plain, offer.Scope)
	body := map[string]any{"credential_configuration_ids": []string{sdJWT}}
	made := tokentest.Decode[madeOffer](t, s.send(http.MethodPost, "/vci/offers", with, body), http.StatusCreated)
	if code, response := s.preAuthorized(made.preAuthorized(), nil); code != http.StatusOK {
		t.Errorf("%d %+v", code, response)
	}
	body["person"] = tokentest.Person
	if got := refusal(t, s.send(http.MethodPost, "/vci/offers", with, body)); got != "invalid_request" {
		t.Errorf("for somebody: %s", got)
	}
}

func TestEncryptedIssuance(t *testing.T) {
	s := newStand(t)
	var metadata struct {
		Encryption struct {
			Keys jose.JSONWebKeySet `json:"jwks"`
		} `json:"credential_request_encryption"`
	}
	if err := json.Unmarshal(s.get("/.well-known/openid-credential-issuer").Body.Bytes(), &metadata); err != nil {
		t.Fatal(err)
	}
	own := jose.JSONWebKey{Key: s.wallet.Private.Public(), Algorithm: "ECDH-ES", KeyID: "own", Use: "enc"}
	seal := func(body map[string]any) string {
		key := metadata.Encryption.Keys.Keys[0]
		encrypter, err := jose.NewEncrypter(jose.A256GCM, jose.Recipient{Algorithm: jose.ECDH_ES, Key: key.Key, KeyID: key.KeyID}, nil)
		if err != nil {
			t.Fatal(err)
		}
		object, err := encrypter.Encrypt([]byte(tokentest.JSON(t, body)))
		if err != nil {
			t.Fatal(err)
		}
		text, err := object.CompactSerialize()
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	open := func(text string) *issue.Response {
		object, err := jose.ParseEncryptedCompact(text, []jose.KeyAlgorithm{jose.ECDH_ES}, []jose.ContentEncryption{jose.A128GCM})
		if err != nil {
			t.Fatal(err)
		}
		plain, err := object.Decrypt(s.wallet.Private)
		if err != nil {
			t.Fatal(err)
		}
		response := &issue.Response{}
		if err := json.Unmarshal(plain, response); err != nil {
			t.Fatal(err)
		}
		return response
	}
	with := s.scoped(s.Wallet, sdJWT, reviewed)
	encryption := map[string]any{"jwk": own, "enc": "A128GCM", "zip": "DEF"}
	request := map[string]any{"credential_configuration_id": sdJWT, "proofs": s.prove(s.wallet), "credential_response_encryption": encryption}
	w := s.send(http.MethodPost, "/vci/credential", with, seal(request))
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/jwt" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	s.opened(open(w.Body.String()).Credentials[0].Credential)
	request["credential_configuration_id"] = reviewed
	later := open(s.send(http.MethodPost, "/vci/credential", with, seal(request)).Body.String())
	s.Clock = s.Clock.Add(time.Minute)
	collected := map[string]any{"transaction_id": later.TransactionID, "credential_response_encryption": encryption}
	s.opened(open(s.send(http.MethodPost, "/vci/deferred", with, seal(collected)).Body.String()).Credentials[0].Credential)
	request["credential_configuration_id"] = "unknown"
	if got := refusal(t, s.send(http.MethodPost, "/vci/credential", with, seal(request))); got != "unknown_credential_configuration" {
		t.Errorf("errors are never encrypted: %s", got)
	}
}

func TestTheHolderPresentsWhatWasIssued(t *testing.T) {
	s := newStand(t)
	credential := s.obtain(s.scoped(s.Wallet, sdJWT), "credential_configuration_id", sdJWT, http.StatusOK).Credentials[0].Credential
	held, err := sdjwt.Parse(credential)
	if err != nil {
		t.Fatal(err)
	}
	shown, err := held.Keep(func(name string) bool { return name == "birthdate" })
	if err != nil {
		t.Fatal(err)
	}
	hash := sha256.Sum256([]byte(shown.Unbound()))
	binding, err := vcitest.Sign(s.wallet.Private, "kb+jwt", "", nil, map[string]any{
		"iat": s.Clock.Unix(), "aud": "https://verifier", "nonce": "n", "sd_hash": base64.RawURLEncoding.EncodeToString(hash[:]),
	})
	if err != nil {
		t.Fatal(err)
	}
	received, err := sdjwt.Parse(shown.Unbound() + binding)
	if err != nil {
		t.Fatal(err)
	}
	claims, err := received.Open(s.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	if claims["birthdate"] != "1985-12-10" || claims["given_name"] != nil {
		t.Errorf("shown: %v", claims)
	}
	if err := received.VerifyBinding(s.wallet.Holder(t), "https://verifier", "n", s.Clock, time.Minute); err != nil {
		t.Error(err)
	}
}
