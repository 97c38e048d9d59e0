package credential

import (
	"testing"

	"tocsin/system/identity/oautherr"
)

func FuzzRequest(f *testing.F) {
	f.Add([]byte(`{"credential_configuration_id":"a","proofs":{"jwt":["x"]}}`))
	f.Add([]byte(`{"credential_identifier":"a","credential_response_encryption":{}}`))
	f.Add([]byte(`{"credential_identifier":"a","credential_identifier":"b"}`))
	f.Add([]byte("{\"credential_identifier\":\"\\ud800\"}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		parsed, err := parse(text)
		if err != nil {
			if oautherr.Verdict(err) == nil {
				t.Fatalf("%q is taken for an outage: %v", text, err)
			}
			return
		}
		if (parsed.identifier == "") == (parsed.configuration == "") {
			t.Fatalf("%q names not exactly one credential", text)
		}
	})
}
