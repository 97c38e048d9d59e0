package baseline

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func decision(action Action) Decision {
	return Decision{
		Action: action, By: "alice", At: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC), Reason: "new logo\nas agreed",
		RunID: "run-1", SHA256: "ab", Fingerprint: "0123456789abcdef", Metric: "m/1",
	}
}

func TestHistoryKeepsEveryDecision(t *testing.T) {
	store := open(t, t.TempDir())
	if none, err := store.History(t.Context(), "lab", "login"); err != nil || len(none) != 0 {
		t.Fatalf("an empty store: %v %v", none, err)
	}
	want := []Decision{decision(Approved), decision(Rejected), decision(Approved)}
	for _, d := range want {
		if err := store.Record(t.Context(), "lab", "login", d); err != nil {
			t.Fatal(err)
		}
	}
	got, err := store.History(t.Context(), "lab", "login")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestDecisionWithoutAPersonOrAReasonIsRefused(t *testing.T) {
	store := open(t, t.TempDir())
	for name, spoil := range map[string]func(*Decision){
		"nobody": func(d *Decision) { d.By = "" }, "no reason": func(d *Decision) { d.Reason = "" },
		"no action": func(d *Decision) { d.Action = "ignored" }, "no picture": func(d *Decision) { d.SHA256 = "" },
	} {
		spoilt := decision(Approved)
		spoil(&spoilt)
		if err := store.Record(t.Context(), "lab", "login", spoilt); err == nil {
			t.Errorf("%s: recorded", name)
		}
	}
	if err := store.Record(t.Context(), "../lab", "login", decision(Approved)); err == nil {
		t.Error("recorded outside of the store")
	}
}

func TestDamagedHistoryIsNoticed(t *testing.T) {
	for name, content := range map[string]string{
		"a cut line": `{"action":"appro`, "an unknown key": `{"action":"approved","by":"a","reason":"r","sha256":"s","ignore":true}`,
		"a line without a person": `{"action":"approved","reason":"r","sha256":"s"}`,
	} {
		store := open(t, t.TempDir())
		if err := store.Record(t.Context(), "lab", "login", decision(Approved)); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(filepath.Dir(store.Path("lab", "login")), historyFile)
		if err := os.WriteFile(path, []byte(content+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := store.History(t.Context(), "lab", "login"); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
