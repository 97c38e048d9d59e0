package cost

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

func described(t *testing.T, change func(map[string]any)) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	content := map[string]any{
		"name": "ours", "issuer": "https://id.example", "client_id": "cost", "client_jwk": jose.JSONWebKey{Key: key, KeyID: "k1"},
		"persons":    map[string]any{"first": 2000000000, "count": 2, "pin": "24680"},
		"components": []any{map[string]any{"name": "identity", "pids": []int{os.Getpid()}}},
	}
	change(content)
	text, err := json.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "subject.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestASubjectIsReadFromAFile(t *testing.T) {
	subject, err := Read(described(t, func(map[string]any) {}))
	if err != nil {
		t.Fatal(err)
	}
	if subject.KeyID != "k1" || subject.ClientID != "cost" || !slices.Contains(subject.Components[0].PIDs, os.Getpid()) {
		t.Errorf("subject is %+v", subject)
	}
	for _, want := range []string{"2000000000", "2000000001", "2000000000"} {
		if person := subject.Person(); person.ID != want || person.PIN != "24680" {
			t.Errorf("person is %+v, want %s", person, want)
		}
	}
}

func TestASubjectIsRefused(t *testing.T) {
	for name, test := range map[string]struct {
		change func(map[string]any)
		says   string
	}{
		"with a key that is not known":        {func(m map[string]any) { m["isuer"] = "x" }, "isuer"},
		"without a client key":                {func(m map[string]any) { delete(m, "client_jwk") }, "client_jwk is missing"},
		"with an authority that is not there": {func(m map[string]any) { m["authority"] = "/nowhere.pem" }, "read authority"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Read(described(t, test.change))
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("error is %v, want one about %q", err, test.says)
			}
		})
	}
}
