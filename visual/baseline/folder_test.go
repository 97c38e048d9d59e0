package baseline

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"
)

func openFolder(t *testing.T, location string) *Store {
	t.Helper()
	store, err := Open(location)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func TestFolderKeepsTheContract(t *testing.T) {
	contract(t, func(t *testing.T) func() *Store {
		root := filepath.Join(t.TempDir(), "baselines")
		return func() *Store { return openFolder(t, root) }
	})
}

func TestFolderHoldsWhatIsReviewedAndNothingElse(t *testing.T) {
	store := openFolder(t, t.TempDir())
	approve(t, store, "first", "")
	approve(t, store, "second", "first")
	files, err := os.ReadDir(filepath.Dir(store.Where("lab", "login", "")))
	var names []string
	for _, file := range files {
		names = append(names, file.Name())
	}
	want := []string{recordFile, pictureFile, historyFile, pageFile}
	if err != nil || !slices.Equal(names, want) {
		t.Errorf("files %v %v, want %v", names, err, want)
	}
}

func TestMissingPictureIsDamage(t *testing.T) {
	store := openFolder(t, t.TempDir())
	b := approve(t, store, "picture", "")
	if err := os.Remove(store.Where("lab", "login", b.SHA256)); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Load(t.Context(), "lab", "login"); !errors.Is(err, ErrDamaged) {
		t.Errorf("got %v, want ErrDamaged", err)
	}
}

func TestFileThatIsNoneOfOursIsNotRead(t *testing.T) {
	store := openFolder(t, t.TempDir())
	b := approve(t, store, "picture", "")
	// It has holes and takes no room on the disk.
	if err := os.Truncate(store.Where("lab", "login", b.SHA256), largest+1); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Load(t.Context(), "lab", "login"); !errors.Is(err, ErrDamaged) || !errors.Is(err, errTooLarge) {
		t.Errorf("got %v, want ErrDamaged, too large", err)
	}
}

func TestApprovalIntoAFileIsAnError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := openFolder(t, path).Approve(t.Context(), approved("picture"), decision(Approved, "picture")); err == nil {
		t.Error("approved below a file")
	}
}

func TestPageThatAnotherProcessKeepsIsWaitedForUntilTheDeadline(t *testing.T) {
	store := openFolder(t, t.TempDir())
	approve(t, store, "picture", "")
	other, err := os.Open(filepath.Dir(store.Where("lab", "login", "")))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := syscall.Flock(int(other.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := store.Record(ctx, "lab", "login", decision(Rejected, "other")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want that the time is over", err)
	}
	if err := syscall.Flock(int(other.Fd()), syscall.LOCK_UN); err != nil {
		t.Fatal(err)
	}
	if err := store.Record(t.Context(), "lab", "login", decision(Rejected, "other")); err != nil {
		t.Errorf("the page is free again: %v", err)
	}
}
