package token

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tocsin/system/identity/oautherr"
)

func TestForms(t *testing.T) {
	const kind = "application/x-www-form-urlencoded"
	for _, test := range []struct {
		name, kind, body string
		valid            bool
	}{
		{"a form", kind, "grant_type=x&code=y", true},
		{"a form with a charset", kind + "; charset=UTF-8", "grant_type=x", true},
		{"a form in other case", "Application/X-WWW-Form-Urlencoded", "grant_type=x", true},
		{"JSON", "application/json", `{"grant_type":"x"}`, false},
		{"multipart", "multipart/form-data; boundary=x", "--x--", false},
		{"no content type", "", "grant_type=x", false},
		{"a content type that is broken", kind + "; charset", "grant_type=x", false},
		{"a parameter twice", kind, "code=a&code=b", false},
		{"a parameter twice, once escaped", kind, "code=a&c%6fde=b", false},
		{"a parameter twice, empty", kind, "code=&code=", false},
		{"a broken escape", kind, "code=%zz", false},
		{"a semicolon", kind, "code=a;b=c", false},
		{"65 KiB", kind, "code=" + strings.Repeat("a", 65<<10), false},
		{"a thousand parameters", kind, strings.Repeat("a&", 1000), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, "/token", strings.NewReader(test.body))
			if test.kind != "" {
				r.Header.Set("Content-Type", test.kind)
			}
			form, err := Form(r)
			if test.valid {
				if again, _ := Form(r); err != nil || form.Get("grant_type") != "x" || len(again) != len(form) {
					t.Errorf("got %v, %v", form, err)
				}
				return
			}
			if verdict := oautherr.Verdict(err); verdict == nil || verdict.Kind != oautherr.InvalidRequest {
				t.Errorf("got %v, %v", form, err)
			}
		})
	}
}

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
