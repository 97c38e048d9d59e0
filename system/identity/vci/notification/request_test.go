package notification

import (
	"strings"
	"testing"

	"tocsin/system/identity/oautherr"
)

func FuzzRequest(f *testing.F) {
	f.Add([]byte(`{"notification_id":"a","event":"credential_accepted","event_description":"b"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		parsed, err := parse(text)
		if err != nil {
			if oautherr.Verdict(err) == nil {
				t.Fatalf("%q is taken for an outage: %v", text, err)
			}
			return
		}
		if parsed.Issuance == "" || len(parsed.Description) > maxDescription || strings.ContainsAny(parsed.Description, "\"\\\n\x00") {
			t.Fatalf("%q is taken", text)
		}
	})
}
