package visual

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tocsin/visual/baseline"
	"tocsin/visual/compare"
)

// proposed is a picture of a page that a person may approve.
func proposed(t *testing.T, width int) *Proposal {
	t.Helper()
	file, err := compare.EncodePNG(picture(width, 10, nil))
	if err != nil {
		t.Fatal(err)
	}
	return &Proposal{Result: Result{Target: "test", Check: loginCheck, RunID: "run-1", ActualSHA256: baseline.Hash(file)}, PNG: file}
}

func TestOfTwoApprovalsAtOnceTheSecondIsToLookAgain(t *testing.T) {
	store := opened(t, t.TempDir())
	first, second := proposed(t, 10), proposed(t, 11)
	ours, err := first.Approval(t.Context(), store, "alice", "", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := second.Approval(t.Context(), store, "bob", "", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Approve(t.Context(), store, ours); err != nil {
		t.Fatal(err)
	}
	if err := second.Approve(t.Context(), store, theirs); !errors.Is(err, baseline.ErrChanged) || !strings.Contains(err.Error(), "alice") {
		t.Errorf("got %v, want that alice was there before", err)
	}
	second.Result.BaselineSHA256 = ours.SHA256 // looked at again
	again, err := second.Approval(t.Context(), store, "bob", "new logo", time.Now())
	if err != nil || again.Replaced != ours.SHA256 {
		t.Fatalf("%+v %v, want that it replaces the picture of alice", again, err)
	}
	if err := second.Approve(t.Context(), store, again); err != nil {
		t.Error(err)
	}
}

func TestStoreThatCannotBeReadHoldsNoBaseline(t *testing.T) {
	folder := t.TempDir()
	if err := os.MkdirAll(filepath.Join(folder, "test", loginCheck, "baseline.json"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, reason := range []string{"", "new logo"} {
		_, err := proposed(t, 10).Approval(t.Context(), opened(t, folder), "alice", reason, time.Now())
		if err == nil || strings.Contains(err.Error(), "has a baseline already") {
			t.Errorf("with reason %q: %v", reason, err)
		}
	}
}
