package baseline

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// contract is what every place keeps. open opens the same store each time, as
// another process would, and a new one in each test.
func contract(t *testing.T, fresh func(t *testing.T) (open func() *Store)) {
	for name, test := range map[string]func(t *testing.T, open func() *Store){
		"a baseline is read as it was approved":    readsWhatWasApproved,
		"damage is noticed":                        noticesDamage,
		"what is damaged can be approved anew":     approvesOverDamage,
		"history keeps every decision":             keepsEveryDecision,
		"a damaged history is noticed":             noticesDamagedHistory,
		"names cannot leave the store":             keepsNamesInside,
		"a decision without a person is refused":   refusesDecisions,
		"an approval of what is gone is refused":   refusesStaleApproval,
		"decisions at once are all kept":           keepsDecisionsAtOnce,
		"of approvals at once one is the baseline": keepsOneOfApprovalsAtOnce,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, fresh(t))
		})
	}
}

func approved(picture string) *Baseline {
	return &Baseline{
		Target: "lab", Name: "login", URL: "https://localhost:8443/ui/login",
		Environment: environment(),
		ApprovedAt:  time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC), ApprovedBy: "alice", RunID: "run-1",
		PNG: []byte(picture), Page: []byte("{}"),
	}
}

func decision(action Action, picture string) Decision {
	return Decision{
		Action: action, By: "alice", At: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC), Reason: "new logo\nas agreed",
		RunID: "run-1", SHA256: Hash([]byte(picture)), Fingerprint: "0123456789abcdef", Metric: "m/1",
	}
}

// approve a picture in place of another, or of none.
func approve(t *testing.T, store *Store, picture, before string) *Baseline {
	t.Helper()
	b := approved(picture)
	if err := store.Approve(t.Context(), b, replacing(decision(Approved, picture), before)); err != nil {
		t.Fatal(err)
	}
	return b
}

func replacing(d Decision, before string) Decision {
	if before != "" {
		d.Replaced = Hash([]byte(before))
	}
	return d
}

func history(t *testing.T, store *Store) []Decision {
	t.Helper()
	all, err := store.History(t.Context(), "lab", "login")
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func readsWhatWasApproved(t *testing.T, open func() *Store) {
	if _, err := open().Load(t.Context(), "lab", "login"); !errors.Is(err, ErrNone) {
		t.Fatalf("an empty store: %v", err)
	}
	before := ""
	for _, picture := range []string{"first", "second", strings.Repeat("large", 1<<20)} {
		want := approve(t, open(), picture, before)
		before = picture
		got, err := open().Load(t.Context(), "lab", "login")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmp.Comparer(bytes.Equal)); diff != "" {
			t.Error(diff)
		}
	}
	if _, err := open().Load(t.Context(), "lab", "log"); !errors.Is(err, ErrNone) {
		t.Errorf("a page whose name begins alike: %v", err)
	}
}

func noticesDamage(t *testing.T, open func() *Store) {
	store := open()
	right := approve(t, store, "picture", "")
	record, _, err := store.place.read(t.Context(), "lab/login/"+recordFile)
	if err != nil {
		t.Fatal(err)
	}
	put := func(file, content string) {
		t.Helper()
		if err := store.place.write(t.Context(), "lab/login/"+file, []byte(content), anyVersion); err != nil {
			t.Fatal(err)
		}
	}
	damaged := func(name string) {
		t.Helper()
		if _, err := store.Load(t.Context(), "lab", "login"); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: got %v, want ErrDamaged", name, err)
		}
	}
	for name, content := range map[string]string{
		"a broken record":    "{",
		"an unknown key":     `{"approver":"x"}`,
		"of another page":    strings.Replace(string(record), `"login"`, `"logout"`, 1),
		"no such picture":    strings.Replace(string(record), right.SHA256, Hash([]byte("other")), 1),
		"no hash at all":     strings.Replace(string(record), right.SHA256, "../../../etc/passwd", 1),
		"no hash of a page":  strings.Replace(string(record), right.PageSHA256, "0", 1),
		"an emptied picture": strings.Replace(string(record), right.SHA256, "", 1),
	} {
		put(recordFile, content)
		damaged(name)
	}
	put(recordFile, string(record))
	for _, part := range right.parts()[:2] {
		file := store.place.keptAs(part.name, *part.sum)
		put(file, "other")
		damaged("another " + part.name)
		put(file, string(*part.content))
	}
	if _, err := store.Load(t.Context(), "lab", "login"); err != nil {
		t.Errorf("all damage is undone: %v", err)
	}
}

func approvesOverDamage(t *testing.T, open func() *Store) {
	store := open()
	approve(t, store, "picture", "")
	if err := store.place.write(t.Context(), "lab/login/"+recordFile, []byte("{"), anyVersion); err != nil {
		t.Fatal(err)
	}
	want := approve(t, store, "new", "")
	got, err := store.Load(t.Context(), "lab", "login")
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

func keepsEveryDecision(t *testing.T, open func() *Store) {
	if none := history(t, open()); len(none) != 0 {
		t.Fatalf("an empty store: %v", none)
	}
	want := []Decision{decision(Approved, "first"), decision(Rejected, "second"), replacing(decision(Approved, "third"), "first"), decision(Rejected, "fourth")}
	for i := range want {
		want[i].At = want[i].At.Add(time.Duration(i) * time.Millisecond)
		var err error
		if want[i].Action == Approved {
			err = open().Approve(t.Context(), approved([]string{"first", "second", "third"}[i]), want[i])
		} else {
			err = open().Record(t.Context(), "lab", "login", want[i])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(want, history(t, open())); diff != "" {
		t.Error(diff)
	}
}

func noticesDamagedHistory(t *testing.T, open func() *Store) {
	pages := map[string]string{
		"cut":       `{"action":"appro`,
		"unknown":   `{"action":"approved","by":"a","reason":"r","sha256":"s","ignore":true}`,
		"no-person": `{"action":"approved","reason":"r","sha256":"s"}`,
		"empty":     "",
	}
	for page, content := range pages {
		store := open()
		if err := store.Record(t.Context(), "lab", page, decision(Rejected, "picture")); err != nil {
			t.Fatal(err)
		}
		if err := store.place.add(t.Context(), "lab/"+page, []byte(content), time.Time{}); err != nil {
			t.Fatal(err)
		}
		if _, err := store.History(t.Context(), "lab", page); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", page, err)
		}
	}
}

func keepsNamesInside(t *testing.T, open func() *Store) {
	store := open()
	for _, bad := range []string{"", "..", "../x", "a/b", "Upper", strings.Repeat("a", 65)} {
		wrong := approved("picture")
		wrong.Name = bad
		if err := store.Approve(t.Context(), wrong, decision(Approved, "picture")); err == nil {
			t.Errorf("page %q is stored", bad)
		}
		if err := store.Record(t.Context(), bad, "login", decision(Rejected, "picture")); err == nil {
			t.Errorf("a decision about target %q is recorded", bad)
		}
		if _, err := store.Load(t.Context(), bad, "login"); err == nil || errors.Is(err, ErrNone) {
			t.Errorf("target %q is looked for: %v", bad, err)
		}
		if _, err := store.History(t.Context(), "lab", bad); err == nil {
			t.Errorf("a history of %q is looked for", bad)
		}
	}
}

func refusesDecisions(t *testing.T, open func() *Store) {
	store := open()
	for name, spoil := range map[string]func(*Decision){
		"nobody":            func(d *Decision) { d.By = "" },
		"no reason":         func(d *Decision) { d.Reason = "" },
		"no action":         func(d *Decision) { d.Action = "ignored" },
		"no picture":        func(d *Decision) { d.SHA256 = "" },
		"an endless reason": func(d *Decision) { d.Reason = strings.Repeat("why ", 1<<15) },
	} {
		spoilt := decision(Approved, "picture")
		spoil(&spoilt)
		if err := store.Record(t.Context(), "lab", "login", spoilt); err == nil {
			t.Errorf("%s: recorded", name)
		}
		if err := store.Approve(t.Context(), approved("picture"), spoilt); err == nil {
			t.Errorf("%s: approved", name)
		}
	}
	for name, d := range map[string]Decision{"a rejection": decision(Rejected, "picture"), "another picture": decision(Approved, "other")} {
		if err := store.Approve(t.Context(), approved("picture"), d); err == nil {
			t.Errorf("%s approves", name)
		}
	}
	if all := history(t, store); len(all) != 0 {
		t.Errorf("the history holds %v", all)
	}
}

func refusesStaleApproval(t *testing.T, open func() *Store) {
	approve(t, open(), "first", "")
	approve(t, open(), "theirs", "first")
	for _, before := range []string{"", "first"} {
		err := open().Approve(t.Context(), approved("mine"), replacing(decision(Approved, "mine"), before))
		if !errors.Is(err, ErrChanged) {
			t.Errorf("in place of %q: %v, want ErrChanged", before, err)
		}
	}
	got, err := open().Load(t.Context(), "lab", "login")
	if err != nil || string(got.PNG) != "theirs" {
		t.Errorf("the baseline is %v, %v", got, err)
	}
	if all := history(t, open()); len(all) != 2 {
		t.Errorf("%d decisions, want 2", len(all))
	}
}

const people = 6

func keepsDecisionsAtOnce(t *testing.T, open func() *Store) {
	var all sync.WaitGroup
	for i := range people {
		all.Go(func() {
			d := decision(Rejected, "picture")
			d.By = fmt.Sprint("person ", i)
			for range 2 {
				if err := open().Record(t.Context(), "lab", "login", d); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	count := map[string]int{}
	for _, d := range history(t, open()) {
		count[d.By]++
	}
	for i := range people {
		if by := fmt.Sprint("person ", i); count[by] != 2 {
			t.Errorf("%d decisions of %s, want 2", count[by], by)
		}
	}
}

func keepsOneOfApprovalsAtOnce(t *testing.T, open func() *Store) {
	approve(t, open(), "before", "")
	errs := make([]error, people)
	var all sync.WaitGroup
	for i := range people {
		all.Go(func() {
			picture := fmt.Sprint("picture ", i)
			errs[i] = open().Approve(t.Context(), approved(picture), replacing(decision(Approved, picture), "before"))
			// Whoever looks at any moment sees a whole baseline.
			if got, err := open().Load(t.Context(), "lab", "login"); err != nil {
				t.Error(err)
			} else if Hash(got.PNG) != got.SHA256 {
				t.Errorf("picture %s in the record of %s", got.PNG, got.SHA256)
			}
		})
	}
	all.Wait()
	got, err := open().Load(t.Context(), "lab", "login")
	if err != nil {
		t.Fatal(err)
	}
	won := 0
	for i, err := range errs {
		switch picture := fmt.Sprint("picture ", i); {
		case err == nil:
			won++
			if string(got.PNG) != picture {
				t.Errorf("%s was approved, and the baseline is %s", picture, got.PNG)
			}
			named := func(d Decision) bool { return d.SHA256 == Hash([]byte(picture)) }
			if !slices.ContainsFunc(history(t, open()), named) {
				t.Errorf("the approval of %s is not in the history", picture)
			}
		case !errors.Is(err, ErrChanged):
			t.Errorf("%s: %v, want ErrChanged", picture, err)
		}
	}
	if won != 1 {
		t.Errorf("%d approvals became the baseline, want 1", won)
	}
}
