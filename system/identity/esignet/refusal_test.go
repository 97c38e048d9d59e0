package esignet

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestStepsRefuse(t *testing.T) {
	const authenticate = "/authorization/v3/authenticate"
	for _, test := range []struct {
		name   string
		make   func(p *page) *http.Request
		status int
		code   string
	}{
		{"a page without the CSRF header", func(p *page) *http.Request {
			r := p.request("POST", authenticate, p.rig.envelope(p.t, p.auth("1", "111111")))
			r.Header.Del("X-XSRF-TOKEN")
			return r
		}, 403, "invalid_csrf_token"},
		{"a page with another CSRF header", func(p *page) *http.Request {
			r := p.request("POST", authenticate, p.rig.envelope(p.t, p.auth("1", "111111")))
			r.Header.Set("X-XSRF-TOKEN", strings.Repeat("A", 26))
			return r
		}, 403, "invalid_csrf_token"},
		{"a page with empty CSRF tokens", func(p *page) *http.Request {
			r := p.request("POST", authenticate, p.rig.envelope(p.t, p.auth("1", "111111")))
			r.Header.Set("X-XSRF-TOKEN", "")
			r.Header.Set("Cookie", "XSRF-TOKEN=")
			return r
		}, 403, "invalid_csrf_token"},
		{"two CSRF cookies", func(p *page) *http.Request {
			r := p.request("POST", authenticate, p.rig.envelope(p.t, p.auth("1", "111111")))
			r.AddCookie(&http.Cookie{Name: "XSRF-TOKEN", Value: strings.Repeat("A", 26)})
			return r
		}, 403, "invalid_csrf_token"},
		{"a step without hash", func(p *page) *http.Request {
			p.hash = ""
			return p.request("POST", authenticate, p.rig.envelope(p.t, p.auth("1", "111111")))
		}, 400, "missing_header"},
		{"a step with the hash of another response", func(p *page) *http.Request {
			p.hash = hashOf([]byte("{}"))
			return p.request("POST", authenticate, p.rig.envelope(p.t, p.auth("1", "111111")))
		}, 400, "invalid_request"},
		{"a transaction that nobody began", func(p *page) *http.Request {
			p.key = "AAAA"
			return p.request("POST", authenticate, p.rig.envelope(p.t, p.auth("1", "111111")))
		}, 404, "invalid_transaction"},
		{"a body about another transaction", func(p *page) *http.Request {
			body := p.auth("1", "111111")
			body["transactionId"] = "AAAA"
			return p.request("POST", authenticate, p.rig.envelope(p.t, body))
		}, 404, "invalid_transaction"},
		{"a code before the login", func(p *page) *http.Request {
			return p.request("POST", "/authorization/auth-code", p.rig.envelope(p.t, map[string]any{"transactionId": p.key}))
		}, 404, "invalid_transaction"},
		{"a form", func(p *page) *http.Request {
			r := p.request("POST", authenticate, "transactionId=1")
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			return r
		}, 400, "invalid_request"},
		{"an old request", func(p *page) *http.Request {
			body := p.rig.envelope(p.t, p.auth("1", "111111"))
			p.rig.now = p.rig.now.Add(leeway + time.Second)
			return p.request("POST", authenticate, body)
		}, 400, "invalid_request"},
		{"a request too large", func(p *page) *http.Request {
			return p.request("POST", authenticate, p.rig.envelope(p.t, p.auth(strings.Repeat("1", maxBody), "1")))
		}, 413, "payload_too_large"},
		{"nobody", func(p *page) *http.Request {
			return p.request("POST", authenticate, p.rig.envelope(p.t, p.auth("", "111111")))
		}, 400, "invalid_identifier"},
		{"an id that nobody can have", func(p *page) *http.Request {
			return p.request("POST", authenticate, p.rig.envelope(p.t, p.auth("1\u202e1", "111111")))
		}, 422, "auth_failed"},
		{"no challenge", func(p *page) *http.Request {
			return p.request("POST", authenticate, p.rig.envelope(p.t, p.auth("1", "")))
		}, 400, "invalid_challenge"},
		{"an empty list of challenges", func(p *page) *http.Request {
			body := p.auth("1", "1")
			body["challengeList"] = []string{}
			return p.request("POST", authenticate, p.rig.envelope(p.t, body))
		}, 400, "invalid_no_of_challenges"},
		{"a factor that is not offered here", func(p *page) *http.Request {
			body := p.auth("1", "1")
			body["challengeList"] = []map[string]string{{"authFactorType": "BIO", "challenge": "x", "format": "number"}}
			return p.request("POST", authenticate, p.rig.envelope(p.t, body))
		}, 400, "invalid_auth_factor_type"},
		{"a channel by post", func(p *page) *http.Request {
			body := map[string]any{"transactionId": p.key, "individualId": "1", "otpChannels": []string{"pigeon"}}
			return p.request("POST", "/authorization/send-otp", p.rig.envelope(p.t, body))
		}, 400, "invalid_otp_channel"},
		{"a member of another type", func(p *page) *http.Request {
			return p.request("POST", authenticate, p.rig.envelope(p.t, map[string]any{"transactionId": 1}))
		}, 400, "invalid_input"},
		{"a path that is not there", func(p *page) *http.Request { return p.request("GET", "/authorization/other", "") }, 404, "not_found"},
	} {
		for _, legacy := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, legacy_200 %t", test.name, legacy), func(t *testing.T) {
				p := visit(t, newRig(t, func(c *Config) { c.Legacy200 = legacy }))
				p.begin()
				got := p.send(test.make(p))
				want := test.status
				if legacy && want != 403 {
					want = 200
				}
				if got.status != want || got.code != test.code || got.response != nil {
					t.Errorf("got %d %s, want %d %s", got.status, got.body, want, test.code)
				}
			})
		}
	}
}

func TestAuthorizationRequestsAreRefused(t *testing.T) {
	for _, test := range []struct {
		name    string
		request map[string]any
		code    string
	}{
		{"an unknown client", asking("clientId", "other"), "invalid_client_id"},
		{"no client", asking("clientId", ""), "invalid_client_id"},
		{"another redirect URI", asking("redirectUri", redirect+"/x"), "invalid_redirect_uri"},
		{"the implicit flow", asking("responseType", "id_token"), "invalid_response_type"},
		{"no scope", asking("scope", ""), "invalid_scope"},
		{"no scope that is known", asking("scope", "other"), "invalid_scope"},
		{"an unknown display", asking("display", "wall"), "invalid_display"},
		{"an unknown prompt", asking("prompt", "create"), "invalid_prompt"},
		{"no page at all", asking("prompt", "none"), "login_required"},
		{"a request object", asking("request", "e30.e30."), "request_not_supported"},
		{"no PKCE", asking("codeChallenge", ""), "use_pkce"},
		{"plain PKCE", asking("codeChallengeMethod", "plain"), "unsupported_pkce_challenge_method"},
		{"a challenge too short", asking("codeChallenge", "abc"), "invalid_pkce_challenge"},
		{"a negative age", asking("maxAge", -1), "invalid_request"},
		{"claims that are a list", asking("claims", []int{1}), "invalid_request"},
		{"a state beyond all bounds", asking("state", strings.Repeat("s", 3000)), "invalid_request"},
		{"a nonce with a line end", asking("nonce", "a\nb"), "invalid_request"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := visit(t, newRig(t))
			for _, version := range []string{"", "v2/", "v3/"} {
				got := p.post("/authorization/"+version+"oauth-details", test.request)
				if got.status != 400 || got.code != test.code {
					t.Errorf("%s: got %d %s, want %s", version, got.status, got.body, test.code)
				}
			}
		})
	}
	p := visit(t, newRig(t))
	for _, age := range []any{60, "60", nil} {
		if got := p.post("/authorization/oauth-details", asking("maxAge", age, "claims", nil)); got.status != 200 {
			t.Errorf("maxAge %v: %s", age, got.body)
		}
	}
}

func TestConsentIsChecked(t *testing.T) {
	for _, test := range []struct {
		name           string
		claims, scopes []string
		code           string
	}{
		{"a claim that was not asked for", []string{"name", "phone_number"}, nil, "invalid_accepted_claim"},
		{"without what is essential", []string{"email"}, nil, "invalid_accepted_claim"},
		{"a scope that was not asked for", []string{"name"}, []string{"other"}, "invalid_permitted_scope"},
		{"a scope that nobody is asked about", []string{"name"}, []string{"openid"}, "invalid_permitted_scope"},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newRig(t)
			p := visit(t, g)
			p.begin()
			p.action(p.post("/authorization/v3/authenticate", p.auth("1001", "111111")))
			got := p.post("/authorization/auth-code", map[string]any{
				"transactionId": p.key, "acceptedClaims": test.claims, "permittedAuthorizeScopes": test.scopes,
			})
			if got.status != 400 || got.code != test.code || len(g.grants) != 0 {
				t.Errorf("%d %s, %d grants", got.status, got.body, len(g.grants))
			}
		})
	}
}

func TestTransactionsEnd(t *testing.T) {
	g := newRig(t)
	p := visit(t, g)
	p.begin()
	g.now = g.now.Add(11 * time.Minute)
	if got := p.post("/authorization/v3/authenticate", p.auth("1001", "111111")); got.status != 404 || got.code != "invalid_transaction" {
		t.Errorf("%d %s", got.status, got.code)
	}
}

// Every step × every dependency down: the step does not need it, or says
// honestly that it cannot answer.
func TestOutagesAreNoVerdicts(t *testing.T) {
	steps := []struct {
		name  string
		needs []string
		do    func(p *page) *reply
	}{
		{"oauth-details", []string{"clients", "redis"}, func(p *page) *reply { return p.post("/authorization/v3/oauth-details", asking()) }},
		{"par-oauth-details", []string{"clients", "redis"}, func(p *page) *reply {
			return p.post("/authorization/par-oauth-details", map[string]any{"clientId": "rp", "requestUri": "urn:ietf:params:oauth:request_uri:good"})
		}},
		{"send-otp", []string{"clients", "redis", "authenticator"}, func(p *page) *reply {
			return p.post("/authorization/send-otp", map[string]any{"transactionId": p.key, "individualId": "1", "otpChannels": []string{"email"}})
		}},
		{"authenticate", []string{"clients", "redis", "authenticator", "grants"}, func(p *page) *reply {
			return p.post("/authorization/v3/authenticate", p.auth("1", "111111"))
		}},
		{"claim-details", []string{"redis", "authenticator"}, func(p *page) *reply { return p.send(p.request("GET", "/authorization/claim-details", "")) }},
		{"auth-code", []string{"clients", "redis", "grants"}, func(p *page) *reply {
			return p.post("/authorization/auth-code", map[string]any{"transactionId": p.key, "acceptedClaims": []string{"name"}})
		}},
		{"create client", []string{"clients", "keys"}, func(p *page) *reply {
			p.rig.access.Scope = AddClientScope
			return p.post("/client-mgmt/client", newClient(p.t))
		}},
		{"update client", []string{"clients", "keys"}, func(p *page) *reply {
			p.rig.access.Scope = UpdateClientScope
			return p.send(p.request("PUT", "/client-mgmt/client/rp2", p.rig.envelope(p.t, newClient(p.t))))
		}},
	}
	for _, step := range steps {
		for _, dependency := range []string{"clients", "redis", "authenticator", "grants", "marks", "keys"} {
			for _, legacy := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s without %s, legacy_200 %t", step.name, dependency, legacy), func(t *testing.T) {
					g := newRig(t, func(c *Config) { c.Legacy200 = legacy })
					g.access = manager("")
					p := visit(t, g)
					p.begin()
					p.action(p.post("/authorization/v3/authenticate", p.auth("1", "111111")))
					g.access.Scope = AddClientScope
					if got := p.post("/client-mgmt/client", newClient(t)); got.status != 200 {
						t.Fatalf("client: %s", got.body)
					}
					g.away[dependency] = true
					got := step.do(p)
					if !contains(step.needs, dependency) {
						if got.status != 200 || got.code != "" {
							t.Errorf("%d %s", got.status, got.body)
						}
						return
					}
					if got.status != 503 || got.header.Get("Retry-After") == "" || got.response != nil {
						t.Errorf("%d %s", got.status, got.body)
					}
					if got.code != "unknown_error" && !strings.Contains(got.body, `"temporarily_unavailable"`) {
						t.Errorf("a fault is told as %s", got.body)
					}
					g.away[dependency] = false
					if got := step.do(p); got.status != 200 || got.code != "" {
						t.Errorf("after it is back: %d %s", got.status, got.body)
					}
				})
			}
		}
	}
}

func contains(all []string, one string) bool {
	for _, other := range all {
		if other == one {
			return true
		}
	}
	return false
}

func TestFaultsUseNoAttempts(t *testing.T) {
	g := newRig(t)
	p := visit(t, g)
	p.begin()
	g.away["authenticator"] = true
	for range 10 {
		if got := p.post("/authorization/v3/authenticate", p.auth("1001", "111111")); got.status != 503 {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	g.away["authenticator"] = false
	if got := p.post("/authorization/v3/authenticate", p.auth("1001", "111111")); got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestCoreEndpointsAreHere(t *testing.T) {
	g := newRig(t)
	for path, want := range map[string]string{
		"POST /oauth/token": "token", "POST /oauth/v2/token": "token", "POST /oauth/par": "par",
		"GET /oauth/.well-known/jwks.json": "jwks", "GET /oidc/userinfo": "userinfo",
	} {
		method, path, _ := strings.Cut(path, " ")
		recorder := httptest.NewRecorder()
		g.ServeHTTP(recorder, httptest.NewRequest(method, Prefix+path, nil))
		if recorder.Body.String() != want {
			t.Errorf("%s: %s", path, recorder.Body)
		}
	}
	for _, path := range []string{"/oidc/.well-known/openid-configuration", "/oauth/.well-known/oauth-authorization-server"} {
		recorder := httptest.NewRecorder()
		g.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, Prefix+path, nil))
		var document map[string]any
		if err := json.Unmarshal(recorder.Body.Bytes(), &document); err != nil {
			t.Fatal(err)
		}
		if document["issuer"] != issuer || document["token_endpoint"] != issuer+"/v1/esignet/oauth/v2/token" || document["scopes_supported"] == nil {
			t.Errorf("%s: %v", path, document)
		}
	}
}

func FuzzOpen(f *testing.F) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	f.Add([]byte(`{"requestTime":"2026-01-02T03:04:05.000Z","request":{"clientId":"rp","claims":{"userinfo":{"name":null}}}}`))
	f.Add([]byte(`{"requestTime":"2026-01-02T03:04:05.000Z","request":{"clientId":"a","ClientID":"b"}}`))
	f.Add([]byte(strings.Repeat(`{"a":[`, 40)))
	f.Fuzz(func(t *testing.T, body []byte) {
		var in detailsRequest
		err := open(body, now, &in)
		if err == nil {
			if !json.Valid(body) {
				t.Error("what is no JSON is taken")
			}
			in.values()
			return
		}
		if verdictOf(err) == nil {
			t.Errorf("a bad body is taken for a fault of ours: %v", err)
		}
	})
}

func TestEnvelopesAreStrict(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	stamp := `"requestTime":"2026-01-02T03:04:05.000Z"`
	for _, test := range []struct {
		name, body string
		right      bool
	}{
		{"a good one", `{` + stamp + `,"request":{"clientId":"a"}}`, true},
		{"members of a newer page", `{` + stamp + `,"id":"x","version":"1","request":{"clientId":"a","new":1}}`, true},
		{"a member twice", `{` + stamp + `,"request":{"clientId":"a","clientId":"b"}}`, false},
		{"a member twice in another case", `{` + stamp + `,"request":{"clientId":"a","CLIENTID":"b"}}`, false},
		{"a member twice with an escape", `{` + stamp + `,"request":{"clientId":"a","client\u0049d":"b"}}`, false},
		{"bytes that are no text", `{` + stamp + `,"request":{"clientId":"` + "\xff" + `"}}`, false},
		{"something behind it", `{` + stamp + `,"request":{}}{}`, false},
		{"too deep", `{` + stamp + `,"request":{"claims":` + strings.Repeat("[", 20) + strings.Repeat("]", 20) + `}}`, false},
		{"no time", `{"request":{}}`, false},
		{"time without a zone", `{"requestTime":"2026-01-02T03:04:05.000","request":{}}`, false},
		{"no request", `{` + stamp + `}`, false},
		{"a request that is null", `{` + stamp + `,"request":null}`, false},
		{"a request that is text", `{` + stamp + `,"request":"x"}`, false},
		{"a list", `[]`, false},
		{"nothing", ``, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			var in detailsRequest
			if err := open([]byte(test.body), now, &in); (err == nil) != test.right {
				t.Errorf("got %v", err)
			}
		})
	}
}
