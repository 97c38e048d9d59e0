package baseline

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func approved() *Baseline {
	return &Baseline{
		Target: "lab", Name: "login", URL: "https://localhost:8443/ui/login",
		Environment: environment(),
		ApprovedAt:  time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC), ApprovedBy: "alice", RunID: "run-1", PNG: []byte("picture"), Page: []byte("{}"),
	}
}

func open(t *testing.T, location string) *Store {
	t.Helper()
	store, err := Open(location)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func environment() Environment {
	return Environment{Chromium: "Chrome/1.2.3.4", Fonts: "0123456789abcdef", Viewport: "1280x800", Scale: 1, Locale: "en-US", Timezone: "UTC", Metric: "m/1"}
}

func TestBaselineIsReadAsItWasApproved(t *testing.T) {
	store := open(t, t.TempDir())
	if _, err := store.Load(t.Context(), "lab", "login"); !errors.Is(err, ErrNone) {
		t.Fatalf("an empty store: %v", err)
	}
	for _, picture := range []string{"first", "second"} {
		want := approved()
		want.PNG = []byte(picture)
		if err := store.Save(t.Context(), want); err != nil {
			t.Fatal(err)
		}
		got, err := store.Load(t.Context(), "lab", "login")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	files, err := os.ReadDir(filepath.Dir(store.Path("lab", "login")))
	if err != nil || len(files) != 3 {
		t.Errorf("files %v %v, want the picture, the page and their record only", files, err)
	}
}

func TestDamageIsNoticed(t *testing.T) {
	for name, damage := range map[string]func(folder string) error{
		"another picture": func(folder string) error {
			return os.WriteFile(filepath.Join(folder, pictureFile), []byte("other"), 0o600)
		},
		"another page": func(folder string) error {
			return os.WriteFile(filepath.Join(folder, pageFile), []byte("[]"), 0o600)
		},
		"no picture":      func(folder string) error { return os.Remove(filepath.Join(folder, pictureFile)) },
		"a broken record": func(folder string) error { return os.WriteFile(filepath.Join(folder, recordFile), []byte("{"), 0o600) },
		"an unknown key in the record": func(folder string) error {
			return os.WriteFile(filepath.Join(folder, recordFile), []byte(`{"approver":"x"}`), 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			store := open(t, t.TempDir())
			if err := store.Save(t.Context(), approved()); err != nil {
				t.Fatal(err)
			}
			if err := damage(filepath.Dir(store.Path("lab", "login"))); err != nil {
				t.Fatal(err)
			}
			if _, err := store.Load(t.Context(), "lab", "login"); !errors.Is(err, ErrDamaged) {
				t.Errorf("got %v, want ErrDamaged", err)
			}
		})
	}
}

func TestNamesCannotLeaveTheStore(t *testing.T) {
	store := open(t, t.TempDir())
	for _, bad := range []string{"", "..", "../x", "a/b", "Upper", strings.Repeat("a", 65)} {
		wrong := approved()
		wrong.Name = bad
		if err := store.Save(t.Context(), wrong); err == nil {
			t.Errorf("page %q is stored", bad)
		}
		if _, err := store.Load(t.Context(), bad, "login"); err == nil || errors.Is(err, ErrNone) {
			t.Errorf("target %q is looked for: %v", bad, err)
		}
	}
}

func TestSaveIntoAFileIsAnError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := open(t, path).Save(t.Context(), approved()); err == nil {
		t.Error("saved below a file")
	}
}

func TestEnvironmentsDifferInWhatChangesPixels(t *testing.T) {
	cases := map[string]struct {
		change func(*Environment)
		want   []string
	}{
		"nothing":     {func(*Environment) {}, nil},
		"the browser": {func(e *Environment) { e.Chromium = "Chrome/2" }, []string{"browser Chrome/1.2.3.4, now Chrome/2"}},
		"the fonts":   {func(e *Environment) { e.Fonts = "ffff" }, []string{"fonts 0123456789ab, now ffff"}},
		"the scale":   {func(e *Environment) { e.Scale = 2 }, []string{"scale 1, now 2"}},
		"the masks":   {func(e *Environment) { e.Masks = []string{"#clock"} }, []string{"masks none, now #clock"}},
		"two things": {func(e *Environment) { e.Locale, e.Metric = "am-ET", "m/2" },
			[]string{"locale en-US, now am-ET", "metric m/1, now m/2"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			now := environment()
			c.change(&now)
			if diff := cmp.Diff(c.want, environment().Differences(now)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
