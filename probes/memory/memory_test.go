package memory_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"tocsin/probes/memory"
)

func TestWhatIsSavedIsRememberedByTheNextProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state", "memory.json")
	first, err := memory.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	var count int
	for range 3 {
		if err := first.Update("count", &count, func() { count++ }); err != nil {
			t.Fatal(err)
		}
	}
	if err := first.Save(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	second, err := memory.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	var again int
	if err := second.Update("count", &again, func() {}); err != nil || again != 3 {
		t.Errorf("remembers %d, %v", again, err)
	}
}

func TestRunsAtTheSameTimeLoseNothing(t *testing.T) {
	book := memory.New()
	var runs sync.WaitGroup
	for range 50 {
		runs.Go(func() {
			var count int
			if err := book.Update("count", &count, func() { count++ }); err != nil {
				t.Error(err)
			}
		})
	}
	runs.Wait()
	var count int
	if err := book.Update("count", &count, func() {}); err != nil || count != 50 {
		t.Errorf("counted %d, %v", count, err)
	}
}

func TestMemoryIsSmallAndSaysWhenItIsBroken(t *testing.T) {
	var text string
	if err := memory.New().Update("big", &text, func() { text = strings.Repeat("x", 100<<10) }); err == nil {
		t.Error("a large page was kept")
	}
	path := filepath.Join(t.TempDir(), "memory.json")
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := memory.Open(path); err == nil || !strings.Contains(err.Error(), "remove it to begin anew") {
		t.Errorf("got %v", err)
	}
}
