package token

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tocsin/system/identity/oautherr"
)

func FuzzForm(f *testing.F) {
	f.Add("application/x-www-form-urlencoded", "grant_type=authorization_code&code=x")
	f.Add("application/x-www-form-urlencoded; charset=utf-8", "a=1&a=2")
	f.Add("multipart/form-data", "%zz")
	f.Fuzz(func(t *testing.T, kind, body string) {
		r := httptest.NewRequest(http.MethodPost, "/token?grant_type=from-the-address", strings.NewReader(body))
		r.Header.Set("Content-Type", kind)
		form, err := Form(r)
		if err != nil {
			if oautherr.Verdict(err) == nil {
				t.Errorf("bad input is no verdict: %v", err)
			}
			return
		}
		for name, values := range form {
			if len(values) != 1 || values[0] == "from-the-address" {
				t.Errorf("%q: %q", name, values)
			}
		}
	})
}
