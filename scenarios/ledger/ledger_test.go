package ledger_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tocsin/scenarios/ledger"
	"tocsin/scenarios/optest"
	"tocsin/scenarios/provider"
)

// book answers every entry the same way, after being unreadable some times.
type book struct {
	grant, code ledger.Finding
	unread      atomic.Int64
	reads       atomic.Int64
}

func (b *book) read(finding ledger.Finding) (ledger.Finding, string) {
	b.reads.Add(1)
	if b.unread.Add(-1) >= 0 {
		return ledger.Unread, "status 503"
	}
	return finding, "said so"
}

func (b *book) ReadGrant(context.Context, string) (ledger.Finding, string) { return b.read(b.grant) }

func (b *book) ReadCode(context.Context, string, string) (ledger.Finding, string) {
	return b.read(b.code)
}

func written(count int) *ledger.Ledger {
	l := ledger.New()
	for i := range count {
		at := time.Unix(int64(i), 0)
		l.AddGrant(string(rune('a'+i)), at)
		l.AddCode("code-"+string(rune('a'+i)), "verifier", at)
	}
	return l
}

func TestTheAuditTellsLostDoubledAndUnknownApart(t *testing.T) {
	cases := map[string]struct {
		book                         *book
		kept, lost, doubled, unknown int
	}{
		"all is kept":            {&book{grant: ledger.Kept, code: ledger.Kept}, 6, 0, 0, 0},
		"consents are gone":      {&book{grant: ledger.Lost, code: ledger.Kept}, 3, 3, 0, 0},
		"codes work twice":       {&book{grant: ledger.Kept, code: ledger.Doubled}, 3, 0, 3, 0},
		"nothing answers":        {&book{}, 0, 0, 0, 6},
		"only consents can read": {&book{grant: ledger.Kept}, 3, 0, 0, 3},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				audit, err := ledger.Auditor{Book: c.book, Deadline: 10 * time.Second}.Audit(t.Context(), written(3).Entries())
				if err != nil {
					t.Fatal(err)
				}
				if audit.Written != 6 || audit.Kept != c.kept || len(audit.Lost) != c.lost || len(audit.Doubled) != c.doubled || audit.Unknown != c.unknown {
					t.Errorf("audit %+v", audit)
				}
			})
		})
	}
}

func TestWhatCannotBeReadIsReadAgainUntilItCan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{grant: ledger.Kept, code: ledger.Kept}
		b.unread.Store(20)
		audit, err := ledger.Auditor{Book: b}.Audit(t.Context(), written(3).Entries())
		if err != nil || audit.Kept != 6 || b.reads.Load() != 26 {
			t.Errorf("audit %+v after %d readings, %v", audit, b.reads.Load(), err)
		}
	})
}

func TestAnEmptyLedgerKeepsNothing(t *testing.T) {
	audit, err := ledger.Auditor{Book: &book{}}.Audit(t.Context(), nil)
	if err != nil || audit.Written != 0 || audit.Kept != 0 || audit.Lost == nil {
		t.Errorf("audit %+v, %v", audit, err)
	}
}

func TestACancelledAuditIsAnError(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (ledger.Auditor{Book: &book{}}).Audit(ctx, written(1).Entries()); err == nil {
		t.Error("a cancelled audit was taken for one that was done")
	}
}

func TestCodesAreReadNewestFirstAndNamedByTheirHash(t *testing.T) {
	entries := written(3).Entries()
	if entries[0].Kind != ledger.Code || entries[0].Acked.Before(entries[2].Acked) || entries[3].Kind != ledger.Grant {
		t.Errorf("order %+v", entries)
	}
	encoded, err := json.Marshal(entries)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(encoded), "code-") || strings.Contains(string(encoded), "verifier") {
		t.Errorf("an entry tells a secret: %s", encoded)
	}
}

func publicBook(t *testing.T, op *optest.Provider) *ledger.PublicBook {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(op.Certificate())
	client, err := provider.Discover(t.Context(), provider.Config{
		Issuer: op.URL, ClientID: optest.ClientID, KeyFile: op.KeyFile, RedirectURI: op.RedirectURI, RunID: "r",
		HTTP: provider.HTTPClient(&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}),
	})
	if err != nil {
		t.Fatal(err)
	}
	return ledger.NewPublicBook(client)
}

func TestThePublicBookReadsWhatTheProviderSays(t *testing.T) {
	op := optest.New(t)
	op.Know("kept", "spent-code", "verifier-of-it")
	b := publicBook(t, op)
	if finding, reason := b.ReadGrant(t.Context(), "kept"); finding != ledger.Kept {
		t.Errorf("kept consent: %v %s", finding, reason)
	}
	if finding, reason := b.ReadGrant(t.Context(), "gone"); finding != ledger.Lost {
		t.Errorf("lost consent: %v %s", finding, reason)
	}
	if finding, reason := b.ReadCode(t.Context(), "spent-code", "verifier-of-it"); finding != ledger.Kept {
		t.Errorf("spent code: %v %s", finding, reason)
	}
	op.AcceptCodesTwice()
	if finding, reason := b.ReadCode(t.Context(), "spent-code", "verifier-of-it"); finding != ledger.Doubled {
		t.Errorf("code accepted twice: %v %s", finding, reason)
	}
}

func TestARefusalThatSaysNothingAboutTheEntryIsUnread(t *testing.T) {
	for name, status := range map[string]int{"outage": 503, "overload": 429, "bug": 500, "forbidden": 403, "other verdict": 400} {
		t.Run(name, func(t *testing.T) {
			op := optest.New(t)
			b := publicBook(t, op)
			op.Break(func(w http.ResponseWriter, _ *http.Request) bool {
				http.Error(w, `{"error":"invalid_client"}`, status)
				return true
			})
			if finding, _ := b.ReadCode(t.Context(), "c", "v"); finding != ledger.Unread {
				t.Errorf("code: %v", finding)
			}
			if finding, reason := b.ReadGrant(t.Context(), "g"); finding != ledger.Unread || reason == "" {
				t.Errorf("consent: %v", finding)
			}
		})
	}
}
