package vci_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"tocsin/system/identity/token"
	"tocsin/system/identity/token/tokentest"
	"tocsin/system/identity/vci/offer"
)

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
