package bearer_test

import (
	"crypto/sha256"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"tocsin/system/identity/bearer"
	"tocsin/system/identity/compact"
	"tocsin/system/identity/jws"
	"tocsin/system/identity/oautherr"
	"tocsin/system/identity/token/tokentest"
)

const resource = tokentest.Issuer + "/userinfo"

// site is a provider with a resource that says 200 to whoever may come in.
type site struct {
	*tokentest.Provider
	guard *bearer.Guard
}

func newSite(t testing.TB) *site {
	t.Helper()
	p := tokentest.NewProvider(t, jws.ErrInvalid)
	return &site{Provider: p, guard: &bearer.Guard{
		Verifier: p.Keys, Proofs: p.Proofs, Ledger: p.Ledger, Revocations: p.Quorum, Issuer: tokentest.Issuer, Now: p.Now,
	}}
}

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.guard.Offer(w, r)
	if _, err := s.guard.Check(r, "openid"); err != nil {
		bearer.Refuse(w, r, slog.New(slog.DiscardHandler), err)
		return
	}
	w.WriteHeader(http.StatusOK)
}

func (s *site) get(header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, resource, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func (s *site) proof(t testing.TB, key *tokentest.Key, text string, claims tokentest.Members) string {
	t.Helper()
	all := tokentest.Members{"ath": compact.HashText(sha256.Sum256([]byte(text)))}
	for name, value := range claims {
		all[name] = value
	}
	return key.Proof(t, s.Clock, http.MethodGet, resource, nil, all)
}

type refusal struct {
	Error oautherr.Kind `json:"error"`
}

func wantRefusal(t *testing.T, w *httptest.ResponseRecorder, status int, kind oautherr.Kind, challenge string) {
	t.Helper()
	if got := tokentest.Decode[refusal](t, w, status); got.Error != kind {
		t.Errorf("got %s, want %s", got.Error, kind)
	}
	if got := strings.Join(w.Header().Values("WWW-Authenticate"), "; "); !strings.HasPrefix(got, challenge) || (challenge == "") != (got == "") {
		t.Errorf("got challenges %s", got)
	}
}

func TestBearerTokens(t *testing.T) {
	s := newSite(t)
	issued := s.Issue(t, s.Plain, nil, nil)
	good, parts := issued.AccessToken, strings.Split(issued.AccessToken, ".")
	for _, test := range []struct {
		name, header string
		status       int
		kind         oautherr.Kind
		challenge    string
	}{
		{"oidcc-userinfo-get", "Bearer " + good, 200, "", ""},
		{"fapi2-security-profile-final-access-token-type-header-case-sensitivity", "bEARER " + good, 200, "", ""},
		{"more than one space", "Bearer   " + good, 200, "", ""},
		{"no token", "", 401, oautherr.InvalidToken, "Bearer; DPoP algs="},
		{"another scheme", "Basic eDp5", 401, oautherr.InvalidToken, "Bearer; DPoP algs="},
		{"the scheme alone", "Bearer", 400, oautherr.InvalidRequest, `Bearer error="invalid_request"`},
		{"two tokens in one header", "Bearer " + good + " " + good, 400, oautherr.InvalidRequest, `Bearer error="invalid_request"`},
		{"20 KiB", "Bearer " + strings.Repeat("a", 20<<10), 400, oautherr.InvalidRequest, `Bearer error="invalid_request"`},
		{"made up", "Bearer made-up", 401, oautherr.InvalidToken, `Bearer error="invalid_token"`},
		{"changed", "Bearer " + parts[0] + "." + parts[1] + "." + strings.Repeat("A", len(parts[2])), 401, oautherr.InvalidToken, `Bearer error="invalid_token"`},
		{"an ID token in its place", "Bearer " + issued.IDToken, 401, oautherr.InvalidToken, `Bearer error="invalid_token"`},
		{"a refresh token in its place", "Bearer " + issued.RefreshToken, 401, oautherr.InvalidToken, `Bearer error="invalid_token"`},
		{"under the scheme of bound tokens", "DPoP " + good, 401, oautherr.InvalidToken, `DPoP algs="ES256 PS256 EdDSA", error="invalid_token"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := s.get()
			if test.header != "" {
				w = s.get("Authorization", test.header)
			}
			if test.kind == "" {
				if w.Code != test.status {
					t.Errorf("got %d: %s", w.Code, w.Body)
				}
				return
			}
			wantRefusal(t, w, test.status, test.kind, test.challenge)
			if strings.Contains(w.Body.String()+w.Header().Get("WWW-Authenticate"), parts[2]) {
				t.Error("the answer repeats the token")
			}
		})
	}
}

func TestWaysToSendAToken(t *testing.T) {
	s := newSite(t)
	good := s.Issue(t, s.Plain, nil, nil).AccessToken
	const form = "application/x-www-form-urlencoded"
	for _, test := range []struct {
		name, method, address, kind, body string
		headers                           []string
		status                            int
		error                             oautherr.Kind
	}{
		{"oidcc-userinfo-post-header", "POST", resource, "", "", []string{"Bearer " + good}, 200, ""},
		{"oidcc-userinfo-post-header, with an empty form", "POST", resource, form, "", []string{"Bearer " + good}, 200, ""},
		{"oidcc-userinfo-post-body", "POST", resource, form, "access_token=" + good, nil, 200, ""},
		{"in a JSON body", "POST", resource, "application/json", `{"access_token":"` + good + `"}`, nil, 401, oautherr.InvalidToken},
		{"in the body of a GET", "GET", resource, form, "access_token=" + good, nil, 401, oautherr.InvalidToken},
		{"oid4vci-1_0-issuer-fail-on-access-token-in-query", "GET", resource + "?access_token=" + good, "", "", nil, 400, oautherr.InvalidRequest},
		{"in the address, escaped", "GET", resource + "?access%5Ftoken=" + good, "", "", nil, 401, oautherr.InvalidToken},
		{"in the address and the header", "GET", resource + "?access_token=x", "", "", []string{"Bearer " + good}, 400, oautherr.InvalidRequest},
		{"in the header and the body", "POST", resource, form, "access_token=" + good, []string{"Bearer " + good}, 400, oautherr.InvalidRequest},
		{"in two headers", "GET", resource, "", "", []string{"Bearer " + good, "Bearer " + good}, 400, oautherr.InvalidRequest},
		{"twice in the body", "POST", resource, form, "access_token=" + good + "&access_token=" + good, nil, 400, oautherr.InvalidRequest},
		{"empty in the body", "POST", resource, form, "access_token=", nil, 400, oautherr.InvalidRequest},
		{"a query that says something else", "GET", resource + "?x=access_token", "", "", []string{"Bearer " + good}, 200, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := httptest.NewRequest(test.method, test.address, strings.NewReader(test.body))
			r.Header.Set("Content-Type", test.kind)
			for _, header := range test.headers {
				r.Header.Add("Authorization", header)
			}
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			if w.Code != test.status {
				t.Fatalf("got %d: %s", w.Code, w.Body)
			}
			if test.error != "" && tokentest.Decode[refusal](t, w, test.status).Error != test.error {
				t.Errorf("got %s", w.Body)
			}
		})
	}
}

// The blocks of fapi2-security-profile-final-dpop-negative-tests that are about
// the token and its key; those about the proof alone are with its checker.
func TestBoundTokens(t *testing.T) {
	s := newSite(t)
	good := s.Issue(t, s.FAPI, s.FAPI.Key, nil).AccessToken
	stranger := tokentest.NewKey(t, "ES256")
	first := s.proof(t, s.FAPI.Key, good, tokentest.Members{"jti": "fixed"})
	for _, test := range []struct {
		name          string
		header, proof string
		status        int
		kind          oautherr.Kind
		challenge     string
	}{
		{"a correct proof", "DPoP " + good, s.proof(t, s.FAPI.Key, good, nil), 200, "", ""},
		{"the scheme in other case", "dpop " + good, s.proof(t, s.FAPI.Key, good, nil), 200, "", ""},
		{"reuse: first use of the jti", "DPoP " + good, first, 200, "", ""},
		{"reuse: second use of the same jti", "DPoP " + good, first, 401, oautherr.InvalidDPoPProof, "DPoP "},
		{"reuse: the same jti in a new proof", "DPoP " + good, s.proof(t, s.FAPI.Key, good, tokentest.Members{"jti": "fixed"}), 401, oautherr.InvalidDPoPProof, "DPoP "},
		{"signed with a different key", "DPoP " + good, s.proof(t, stranger, good, nil), 401, oautherr.InvalidToken, "DPoP "},
		{"ath of another token", "DPoP " + good, s.proof(t, s.FAPI.Key, "other", nil), 401, oautherr.InvalidDPoPProof, "DPoP "},
		{"for another method", "DPoP " + good, s.proof(t, s.FAPI.Key, good, tokentest.Members{"htm": "POST"}), 401, oautherr.InvalidDPoPProof, "DPoP "},
		{"without a proof", "DPoP " + good, "", 401, oautherr.InvalidDPoPProof, "DPoP "},
		{"without a proof and as Bearer", "Bearer " + good, "", 401, oautherr.InvalidToken, `Bearer error="invalid_token"`},
		{"with a proof and as Bearer", "Bearer " + good, s.proof(t, s.FAPI.Key, good, nil), 401, oautherr.InvalidToken, `Bearer error="invalid_token"`},
		{"a correct proof still works", "DPoP " + good, s.proof(t, s.FAPI.Key, good, nil), 200, "", ""},
	} {
		t.Run("fapi2-security-profile-final-dpop-negative-tests/"+test.name, func(t *testing.T) {
			headers := []string{"Authorization", test.header}
			if test.proof != "" {
				headers = append(headers, "DPoP", test.proof)
			}
			w := s.get(headers...)
			if (w.Header().Get("DPoP-Nonce") != "") != (test.proof != "") {
				t.Errorf("got nonce %q", w.Header().Get("DPoP-Nonce"))
			}
			if test.kind == "" {
				if w.Code != test.status {
					t.Errorf("got %d: %s", w.Code, w.Body)
				}
				return
			}
			wantRefusal(t, w, test.status, test.kind, test.challenge)
		})
	}
}

func TestTokensEnd(t *testing.T) {
	for name, end := range map[string]func(*testing.T, *site, string){
		"by time":                 func(_ *testing.T, s *site, _ string) { s.Clock = s.Clock.Add(5*time.Minute + 6*time.Second) },
		"by jti":                  func(t *testing.T, s *site, text string) { s.revoke(t, text, "jti") },
		"by family: code reused":  func(t *testing.T, s *site, text string) { s.revoke(t, text, "fam") },
		"by session: logged out":  func(t *testing.T, s *site, text string) { s.revoke(t, text, "sid") },
		"by the key they were of": func(t *testing.T, s *site, _ string) { s.guard.Verifier = tokentest.NewKeys(t, jws.ErrInvalid) },
		"by another issuer":       func(_ *testing.T, s *site, _ string) { s.guard.Issuer = "https://other.example" },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			text := s.Issue(t, s.Plain, nil, nil).AccessToken
			if w := s.get("Authorization", "Bearer "+text); w.Code != http.StatusOK {
				t.Fatalf("got %d", w.Code)
			}
			end(t, s, text)
			wantRefusal(t, s.get("Authorization", "Bearer "+text), 401, oautherr.InvalidToken, `Bearer error="invalid_token"`)
		})
	}
}

// revoke ends what the claim name of a token says.
func (s *site) revoke(t *testing.T, text, name string) {
	t.Helper()
	claims := map[string]any{}
	if err := s.Keys.Verify(text, "at+jwt", &claims); err != nil {
		t.Fatal(err)
	}
	if err := s.Quorum.Revoke(t.Context(), claims[name].(string), time.Hour); err != nil {
		t.Fatal(err)
	}
}

func TestScopes(t *testing.T) {
	s := newSite(t)
	form := s.Plain.Form(t, s.Clock, "grant_type", "client_credentials", "scope", "tax:read")
	w := s.Token(t, form, nil)
	text := tokentest.Decode[struct {
		AccessToken string `json:"access_token"`
	}](t, w, 200).AccessToken
	wantRefusal(t, s.get("Authorization", "Bearer "+text), 403, oautherr.InsufficientScope, `Bearer error="insufficient_scope"`)
	r := httptest.NewRequest(http.MethodGet, resource, nil)
	r.Header.Set("Authorization", "Bearer "+text)
	if _, err := s.guard.Check(r, ""); err != nil {
		t.Errorf("no scope asked for: %v", err)
	}
}

func TestWhatCannotBeToldIsNoVerdict(t *testing.T) {
	away := errors.New("connection refused")
	s := newSite(t)
	bound := s.Issue(t, s.FAPI, s.FAPI.Key, nil).AccessToken
	s.Quorum.Away = away
	w := s.get("Authorization", "DPoP "+bound, "DPoP", s.proof(t, s.FAPI.Key, bound, nil))
	wantRefusal(t, w, 503, oautherr.TemporarilyUnavailable, "")
	s.guard.Verifier = broken{away}
	wantRefusal(t, s.get("Authorization", "Bearer x"), 503, oautherr.TemporarilyUnavailable, "")
}

type broken struct{ err error }

func (b broken) Verify(string, string, any) error { return b.err }

// FuzzExtract: whatever comes, only the token that was issued opens the door.
func FuzzExtract(f *testing.F) {
	s := newSite(f)
	good := s.Issue(f, s.Plain, nil, nil).AccessToken
	f.Add("Bearer "+good[:20], "access_token=x", "access_token=y")
	f.Add("DPoP a.b.c", "", "")
	f.Add("Bearer", "%zz", ";")
	f.Fuzz(func(t *testing.T, header, query, body string) {
		if strings.Contains(header+body, good) {
			return
		}
		r := httptest.NewRequest(http.MethodPost, resource, strings.NewReader(body))
		r.URL = &url.URL{Path: "/userinfo", RawQuery: query}
		r.Header["Authorization"] = []string{header}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if _, err := s.guard.Check(r, ""); oautherr.Verdict(err) == nil {
			t.Errorf("%q %q %q: %v", header, query, body, err)
		}
	})
}
