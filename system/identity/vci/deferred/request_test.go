package deferred

import (
	"strings"
	"testing"
	"time"

	"tocsin/system/identity/oautherr"
	"tocsin/system/identity/secret"
	"tocsin/system/identity/vci/access"
)

func FuzzRequest(f *testing.F) {
	keys, err := secret.Derive([]byte(strings.Repeat("x", 32)))
	if err != nil {
		f.Fatal(err)
	}
	transactions, err := NewTransactions(keys, time.Now)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(`{"transaction_id":"a","credential_response_encryption":{}}`))
	f.Add([]byte(`{"transaction_id":1}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		id, _, err := parse(text)
		if err == nil {
			_, err = transactions.Open(id, &access.Token{})
		}
		if verdict := oautherr.Verdict(err); verdict == nil {
			t.Fatalf("%q: %v", text, err)
		}
	})
}
