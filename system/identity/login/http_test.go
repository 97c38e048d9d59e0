package login_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tocsin/system/identity/login"
	"tocsin/system/identity/login/logintest"
	"tocsin/system/identity/transaction"
	"tocsin/system/internal/trace"
)

// results remembers how logins ended.
type results struct {
	mu  sync.Mutex
	all []string
}

func (r *results) Inc(result string, _ trace.Mark) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, result)
}

func api(s *logintest.Site) (http.Handler, *results) {
	seen := &results{}
	steps := &login.API{
		Service: s.Service, Transactions: s.Transactions, Sessions: s.Sessions, Logins: seen, Log: slog.New(slog.DiscardHandler),
	}
	return steps.Handler(), seen
}

func seal(t testing.TB, s *logintest.Site, begun *transaction.Transaction) string {
	t.Helper()
	state, err := s.Transactions.Seal(begun)
	if err != nil {
		t.Fatal(err)
	}
	return state
}

// call posts input, a value or a text, and decodes the answer into output.
func call(t testing.TB, h http.Handler, path string, input, output any) *httptest.ResponseRecorder {
	t.Helper()
	body, isText := input.(string)
	if !isText {
		raw, err := json.Marshal(input)
		if err != nil {
			t.Fatal(err)
		}
		body = string(raw)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, path, strings.NewReader(body)))
	if output != nil {
		if err := json.Unmarshal(w.Body.Bytes(), output); err != nil {
			t.Fatalf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	return w
}

func TestStepsOverHTTP(t *testing.T) {
	s := logintest.New(t)
	h, seen := api(s)
	state := seal(t, s, s.Transaction())
	var view login.View
	if w := call(t, h, "/login/view", login.Input{State: state}, &view); w.Code != http.StatusOK || view.ClientName != "Tax Office" {
		t.Fatalf("view: %d %+v", w.Code, view)
	}
	var sent struct {
		State       string `json:"state"`
		MaskedEmail string `json:"masked_email"`
	}
	call(t, h, "/login/otp/send", login.Input{State: state, IndividualID: logintest.IndividualID}, &sent)
	if sent.State == "" || sent.MaskedEmail == "" {
		t.Fatalf("sent %+v", sent)
	}
	var next login.Next
	call(t, h, "/login/otp", login.Input{State: sent.State, IndividualID: logintest.IndividualID, OTP: logintest.OTP}, &next)
	if next.State == "" || next.Session == "" || next.Location != "" || next.Pending {
		t.Fatalf("after the login: %+v", next)
	}
	if got := s.Sessions.Open(next.Session); got == nil || got.Person != logintest.Person {
		t.Errorf("session %+v", got)
	}
	var done login.Next
	w := call(t, h, "/login/consent", login.Input{State: next.State, Decision: "allow", Claims: []string{"name"}}, &done)
	if done.State != "" || done.Session != "" || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("after consent: %+v", done)
	}
	if answer := logintest.Answer(t, done.Location); !answer.Has("code") {
		t.Errorf("answer %v", answer)
	}
	call(t, h, "/login/consent", login.Input{State: next.State, Decision: "deny"}, &done)
	if !slices.Equal(seen.all, []string{"denied"}) {
		t.Errorf("results %v", seen.all)
	}
}

func TestProblems(t *testing.T) {
	s := logintest.New(t)
	h, seen := api(s)
	fresh := seal(t, s, s.Transaction())
	old := s.Transaction()
	old.Expires = s.Now().Add(-time.Second)
	strong := s.Transaction()
	strong.ACRs = []string{"mosip:idp:acr:generated-code"}
	away := s.Transaction()
	away.ClientID = "away"
	locked := s.Transaction()
	for range 5 {
		call(t, h, "/login/pin", login.Input{State: seal(t, s, locked), IndividualID: "5", PIN: "0"}, nil)
	}
	seen.all = nil
	for _, test := range []struct {
		name, path string
		input      any
		status     int
		problem    login.Problem
	}{
		{"a transaction that has expired leads back", "/login/view", login.Input{State: seal(t, s, old)}, http.StatusGone,
			login.Problem{Error: "gone", Back: old.Back(logintest.Issuer)}},
		{"a forged one leads nowhere", "/login/view", login.Input{State: "AAAA"}, http.StatusForbidden, login.Problem{Error: "forged"}},
		{"none", "/login/view", login.Input{}, http.StatusForbidden, login.Problem{Error: "forged"}},
		{"a wrong PIN", "/login/pin", login.Input{State: fresh, IndividualID: logintest.IndividualID, PIN: "0"}, http.StatusUnprocessableEntity, login.Problem{Error: "mismatch"}},
		{"too many", "/login/pin", login.Input{State: seal(t, s, locked), IndividualID: "5", PIN: "0"}, http.StatusLocked, login.Problem{Error: "locked"}},
		{"a factor that is not offered", "/login/pin", login.Input{State: seal(t, s, strong), IndividualID: "5", PIN: "0"}, http.StatusNotFound, login.Problem{Error: "unsupported"}},
		{"a store that is away", "/login/view", login.Input{State: seal(t, s, away)}, http.StatusServiceUnavailable, login.Problem{Error: "unavailable", RetryAfter: 1}},
		{"consent before login", "/login/consent", login.Input{State: fresh, Decision: "allow"}, http.StatusConflict, login.Problem{Error: "not_authenticated"}},
		{"no decision", "/login/consent", login.Input{State: fresh}, http.StatusBadRequest, login.Problem{Error: "invalid"}},
		{"no JSON", "/login/pin", "state=x", http.StatusBadRequest, login.Problem{Error: "invalid"}},
		{"an oversized body", "/login/pin", `{"state":"` + strings.Repeat("x", 40_000) + `"}`, http.StatusBadRequest, login.Problem{Error: "invalid"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got login.Problem
			w := call(t, h, test.path, test.input, &got)
			if w.Code != test.status || got != test.problem {
				t.Errorf("%d %+v, want %d %+v", w.Code, got, test.status, test.problem)
			}
			if (w.Header().Get("Retry-After") != "") != (w.Code == http.StatusServiceUnavailable) {
				t.Errorf("Retry-After %q with %d", w.Header().Get("Retry-After"), w.Code)
			}
		})
	}
	if want := []string{"gone", "forged", "forged", "mismatch", "locked", "unsupported", "unavailable"}; !slices.Equal(seen.all, want) {
		t.Errorf("counted %v, want %v", seen.all, want)
	}
	w := httptest.NewRecorder()
	if h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/login/view", nil)); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d", w.Code)
	}
}

func TestLoginsAreCounted(t *testing.T) {
	registry := prometheus.NewRegistry()
	logins := login.NewLogins("identity", registry)
	logins.Inc("success", trace.Mark{Run: "r"})
	logins.Inc("mismatch", trace.Mark{})
	families, err := registry.Gather()
	if err != nil || len(families) != 1 || families[0].GetName() != "identity_logins_total" {
		t.Fatalf("families %v, %v", families, err)
	}
	total := 0.0
	for _, metric := range families[0].GetMetric() {
		total += metric.GetCounter().GetValue()
	}
	if total != 2 || len(families[0].GetMetric()) != 5 {
		t.Errorf("%v counted in %d series", total, len(families[0].GetMetric()))
	}
}

func FuzzInput(f *testing.F) {
	s := logintest.New(f)
	h, _ := api(s)
	f.Add(`{"state":"`+seal(f, s, s.Transaction())+`","individual_id":"1","pin":"\u0000"}`, "/login/pin")
	f.Add(`{"state":1}`, "/login/consent")
	f.Add(`[]`, "/login/otp/send")
	f.Fuzz(func(t *testing.T, body, path string) {
		if !slices.Contains([]string{"/login/view", "/login/pin", "/login/otp", "/login/otp/send", "/login/consent"}, path) {
			return
		}
		if w := call(t, h, path, body, nil); w.Code >= http.StatusInternalServerError {
			t.Errorf("%s with %q: %d", path, body, w.Code)
		}
	})
}
