package wallet_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"tocsin/system/authenticator"
	"tocsin/system/identity/attempts"
	"tocsin/system/identity/login"
	"tocsin/system/identity/login/logintest"
	"tocsin/system/identity/policy"
	"tocsin/system/identity/store"
	"tocsin/system/identity/transaction"
	"tocsin/system/identity/wallet"
	"tocsin/system/internal/trace"
)

// links is the store.Volatile.
type links struct {
	mu     sync.Mutex
	away   bool
	values map[string][]byte
}

func (l *links) Put(_ context.Context, kind, id string, value []byte, _ time.Duration) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.away {
		return logintest.ErrAway
	}
	l.values[kind+id] = value
	return nil
}

func (l *links) Get(_ context.Context, kind, id string) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.away {
		return nil, logintest.ErrAway
	}
	value, found := l.values[kind+id]
	if !found {
		return nil, store.ErrNotFound
	}
	return value, nil
}

func (l *links) Update(ctx context.Context, kind, id string, value []byte, life time.Duration) error {
	if _, err := l.Get(ctx, kind, id); err != nil {
		return err
	}
	return l.Put(ctx, kind, id, value, life)
}

// set changes the store behind its back.
func (l *links) set(change func(*links)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(l)
}

type site struct {
	*logintest.Site
	links   *links
	service *wallet.Service
}

func newSite(t testing.TB) *site {
	t.Helper()
	s := &site{Site: logintest.New(t), links: &links{values: map[string][]byte{}}}
	service, err := wallet.New(s.links, s.Marks, s.Service, s.Keys, policy.Judge{}, logintest.Issuer+"/ui/wallet", s.Now)
	if err != nil {
		t.Fatal(err)
	}
	s.service = service
	return s
}

func (s *site) begin(t testing.TB, begun *transaction.Transaction) string {
	t.Helper()
	link, err := s.service.Begin(t.Context(), begun)
	if err != nil {
		t.Fatal(err)
	}
	if link.URI != logintest.Issuer+"/ui/wallet?code="+link.Code || link.ExpiresIn != 120 {
		t.Errorf("link %+v", link)
	}
	return link.Code
}

func TestApprovalLetsTheLoginGoOn(t *testing.T) {
	s := newSite(t)
	begun := s.Transaction()
	code := s.begin(t, begun)
	if outcome, err := s.service.Status(t.Context(), begun, code); outcome != nil || err != nil {
		t.Fatalf("before: %+v, %v", outcome, err)
	}
	view, err := s.service.View(t.Context(), code)
	if err != nil || view.ClientName != "Tax Office" || len(view.Claims) == 0 || view.Approved {
		t.Errorf("the wallet shows %+v, %v", view, err)
	}
	if err := s.service.Approve(t.Context(), code, logintest.IndividualID, logintest.PIN); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time after a lost answer
		outcome, err := s.service.Status(t.Context(), begun, code)
		if err != nil || outcome.Session.Person != logintest.Person || outcome.Session.ACR != authenticator.Wallet.ACR() {
			t.Errorf("after: %+v, %v", outcome, err)
		}
	}
}

func TestRefusals(t *testing.T) {
	s := newSite(t)
	begun := s.Transaction()
	code := s.begin(t, begun)
	status := func(begun *transaction.Transaction, code string) error {
		_, err := s.service.Status(t.Context(), begun, code)
		return err
	}
	other := s.Transaction()
	strict := s.Transaction()
	strict.ACRs = []string{authenticator.PIN.ACR()}
	_, unsupported := s.service.Begin(t.Context(), strict)
	for _, test := range []struct {
		name      string
		got, want error
	}{
		{"a login that wants a PIN", unsupported, login.ErrUnsupported},
		{"another browser's code", status(other, code), login.ErrLinkGone},
		{"a code that nobody made", status(begun, strings.Repeat("A", 26)), login.ErrLinkGone},
		{"an oversized code", status(begun, strings.Repeat("A", 1000)), login.ErrLinkGone},
		{"a wrong PIN", s.service.Approve(t.Context(), code, logintest.IndividualID, "0"), login.ErrMismatch},
		{"a code that nobody made, in the wallet", s.service.Approve(t.Context(), "x", logintest.IndividualID, logintest.PIN), login.ErrLinkGone},
	} {
		if !errors.Is(test.got, test.want) {
			t.Errorf("%s: %v, want %v", test.name, test.got, test.want)
		}
	}
	if err := s.service.Approve(t.Context(), code, logintest.IndividualID, logintest.PIN); err != nil {
		t.Fatal(err)
	}
	if err := s.service.Approve(t.Context(), code, logintest.Other, logintest.PIN); !errors.Is(err, login.ErrLinkGone) {
		t.Errorf("a second person: %v", err)
	}
	s.Pass(2 * time.Minute)
	if err := status(begun, code); !errors.Is(err, login.ErrLinkGone) {
		t.Errorf("after two minutes: %v", err)
	}
}

func TestGuessingInTheWalletEnds(t *testing.T) {
	s := newSite(t)
	code := s.begin(t, s.Transaction())
	for range 5 {
		if err := s.service.Approve(t.Context(), code, logintest.IndividualID, "0"); !errors.Is(err, login.ErrMismatch) {
			t.Fatal(err)
		}
	}
	if err := s.service.Approve(t.Context(), code, logintest.IndividualID, logintest.PIN); !errors.Is(err, attempts.ErrLocked) {
		t.Errorf("the right PIN after five wrong ones: %v", err)
	}
}

func TestStoreCannotMakeUpAnApproval(t *testing.T) {
	s := newSite(t)
	victim, attacker := s.Transaction(), s.Transaction()
	approved, open := s.begin(t, victim), s.begin(t, attacker)
	if err := s.service.Approve(t.Context(), approved, logintest.IndividualID, logintest.PIN); err != nil {
		t.Fatal(err)
	}
	s.links.set(func(l *links) { l.values["wallet-link"+open] = l.values["wallet-link"+approved] })
	if _, err := s.service.Status(t.Context(), attacker, open); !errors.Is(err, login.ErrLinkGone) {
		t.Errorf("an approval that was copied: %v", err)
	}
	s.links.set(func(l *links) { l.values["wallet-link"+open] = []byte(`{"person":"person-1"}`) })
	if _, err := s.service.Status(t.Context(), attacker, open); !errors.Is(err, login.ErrLinkGone) {
		t.Errorf("an approval that was made up: %v", err)
	}
	if strings.Contains(string(s.links.values["wallet-link"+approved]), logintest.Person) {
		t.Error("the store can read who approved")
	}
}

func TestEverythingAwayIsNoVerdict(t *testing.T) {
	s := newSite(t)
	begun := s.Transaction()
	code := s.begin(t, begun)
	s.links.set(func(l *links) { l.away = true })
	_, begin := s.service.Begin(t.Context(), begun)
	_, status := s.service.Status(t.Context(), begun, code)
	_, view := s.service.View(t.Context(), code)
	approve := s.service.Approve(t.Context(), code, logintest.IndividualID, logintest.PIN)
	for name, err := range map[string]error{"begin": begin, "status": status, "view": view, "approve": approve} {
		if !errors.Is(err, logintest.ErrAway) {
			t.Errorf("%s: %v", name, err)
		}
	}
	s.links.set(func(l *links) { l.away = false })
	if err := s.service.Approve(t.Context(), code, logintest.IndividualID, logintest.PIN); err != nil {
		t.Fatal(err)
	}
	s.Marks.SetAway(true)
	if _, err := s.service.Status(t.Context(), begun, code); !errors.Is(err, logintest.ErrAway) {
		t.Errorf("marks away: %v", err)
	}
}

// ignored counts nothing.
type ignored struct{}

func (ignored) Inc(string, trace.Mark) {}

func TestWalletOverHTTP(t *testing.T) {
	s := newSite(t)
	h := wallet.Handler(s.service, &login.API{
		Service: s.Service, Transactions: s.Transactions, Sessions: s.Sessions, Logins: ignored{}, Log: slog.New(slog.DiscardHandler),
	})
	call := func(path string, input login.Input, output any) int {
		t.Helper()
		body, err := json.Marshal(input)
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, path, strings.NewReader(string(body))))
		if output != nil {
			if err := json.Unmarshal(w.Body.Bytes(), output); err != nil {
				t.Fatalf("%s: %d %s", path, w.Code, w.Body)
			}
		}
		return w.Code
	}
	state, err := s.Transactions.Seal(s.Transaction())
	if err != nil {
		t.Fatal(err)
	}
	var link wallet.Link
	if got := call("/login/wallet/begin", login.Input{State: state}, &link); got != http.StatusOK || link.Code == "" {
		t.Fatalf("begin: %d %+v", got, link)
	}
	var next login.Next
	if call("/login/wallet/status", login.Input{State: state, LinkCode: link.Code}, &next); !next.Pending {
		t.Errorf("status before: %+v", next)
	}
	var view wallet.View
	if call("/login/wallet/view", login.Input{LinkCode: link.Code}, &view); view.ClientName != "Tax Office" {
		t.Errorf("view %+v", view)
	}
	var problem login.Problem
	if got := call("/login/wallet/view", login.Input{LinkCode: "x"}, &problem); got != http.StatusGone || problem.Error != "link_gone" {
		t.Errorf("unknown link: %d %+v", got, problem)
	}
	approval := login.Input{LinkCode: link.Code, IndividualID: logintest.IndividualID, PIN: logintest.PIN}
	if got := call("/login/wallet/approve", approval, nil); got != http.StatusNoContent {
		t.Errorf("approve: %d", got)
	}
	next = login.Next{}
	if call("/login/wallet/status", login.Input{State: state, LinkCode: link.Code}, &next); next.Pending || next.State == "" || next.Session == "" {
		t.Errorf("status after: %+v", next)
	}
}
