package claim

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestRequestedClaims(t *testing.T) {
	for _, test := range []struct {
		name   string
		scopes []string
		claims string
		only   []string
		want   []string
	}{
		{name: "oidcc-scope-email", scopes: []string{"openid", "email"}, want: []string{"email", "email_verified"}},
		{name: "oidcc-scope-phone", scopes: []string{"phone"}, want: []string{"phone_number", "phone_number_verified"}},
		{name: "oidcc-scope-address", scopes: []string{"address"}, want: []string{"address"}},
		{name: "oidcc-scope-all", scopes: Scopes(), want: Supported()},
		{name: "oidcc-claims-essential", scopes: []string{"openid"}, claims: `{"userinfo":{"name":{"essential":true}}}`, want: []string{"name"}},
		{name: "a claim that scope and parameter ask for is there once", scopes: []string{"email"},
			claims: `{"id_token":{"email":null},"userinfo":{"email":null}}`, want: []string{"email", "email_verified"}},
		{name: "unknown claims and scopes are ignored", scopes: []string{"nope"}, claims: `{"userinfo":{"shoe_size":null}}`, want: []string{}},
		{name: "a client gets no more than it is registered for", scopes: []string{"email"},
			claims: `{"userinfo":{"name":null}}`, only: []string{"email"}, want: []string{"email"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			request, err := ParseRequest(test.claims)
			if err != nil {
				t.Fatal(err)
			}
			request.Only = test.only
			if got := Requested(test.scopes, request); !slices.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestPeopleAreAskedWithoutCompanions(t *testing.T) {
	request, err := ParseRequest(`{"userinfo":{"name":{"essential":true},"phone_number_verified":null}}`)
	if err != nil {
		t.Fatal(err)
	}
	scopes := []string{"openid", "email"}
	want := []Shown{
		{Name: "name", Essential: true},
		{Name: "email", RequestedBy: "email"},
		{Name: "phone_number_verified"}, // without the number it stands for itself
	}
	if got := Show(scopes, request); !reflect.DeepEqual(got, want) {
		t.Errorf("shown %+v", got)
	}
	requested := Requested(scopes, request)
	for _, test := range []struct{ ticked, want []string }{
		{[]string{"email"}, []string{"email", "email_verified"}},
		{[]string{"email_verified"}, []string{"email_verified"}},
		{[]string{"address", "gender"}, []string{}}, // never asked for
		{nil, []string{}},
	} {
		if got := Allowed(requested, test.ticked); !slices.Equal(got, test.want) {
			t.Errorf("ticked %v allows %v, want %v", test.ticked, got, test.want)
		}
	}
}

func TestReleaseGivesOnlyWhatIsAllowedAndKnown(t *testing.T) {
	person := map[string]any{"name": "Ada", "email": "a@b", "pin": "1", "sub": "x"}
	got := Release([]string{"name", "address", "pin", "sub"}, person)
	if !reflect.DeepEqual(got, map[string]any{"name": "Ada"}) {
		t.Errorf("released %v", got)
	}
}

func TestClaimsParameter(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       Request
	}{
		{"nothing", ``, Request{}},
		{"an empty object", `{}`, Request{}},
		{"null members", `{"userinfo":null,"id_token":null}`, Request{}},
		{"null, a value and essential", `{"userinfo":{"name":null,"email":{"value":"a@b"},"gender":{"essential":true}}}`,
			Request{Userinfo: []Wish{{Name: "email"}, {Name: "gender", Essential: true}, {Name: "name"}}}},
		{"the ID token", `{"id_token":{"email":{"essential":true},"auth_time":{"essential":true}}}`,
			Request{IDToken: []Wish{{Name: "email", Essential: true}}, AuthTime: true}},
		{"a value of sub", `{"id_token":{"sub":{"value":"s"}},"userinfo":{"sub":{"value":"s"}}}`, Request{Subject: "s"}},
		{"essential acr", `{"id_token":{"acr":{"essential":true,"values":["a","b"]}}}`, Request{ACRs: []string{"a", "b"}, EssentialACR: true}},
		{"one essential acr", `{"id_token":{"acr":{"essential":true,"value":"a"}}}`, Request{ACRs: []string{"a"}, EssentialACR: true}},
		{"any acr", `{"id_token":{"acr":{"essential":true}}}`, Request{}},
		{"voluntary acr", `{"id_token":{"acr":{"values":["a"]}}}`, Request{ACRs: []string{"a"}}},
		{"verified_claims and other members that are not known", `{"userinfo":{"verified_claims":{"claims":{}}},"more":1}`, Request{}},
		{"claims with language tags are not known", `{"userinfo":{"name#ja":null}}`, Request{}},
		{"white space", "\n{ \"userinfo\" :\t{}}\r\n", Request{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got, err := ParseRequest(test.text); err != nil || !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %+v, %v; want %+v", got, err, test.want)
			}
		})
	}
}

func TestClaimsParameterRefused(t *testing.T) {
	many := make([]string, maxMembers+1)
	for i := range many {
		many[i] = fmt.Sprintf(`"c%d":null`, i)
	}
	for name, text := range map[string]string{
		"no JSON":                    `{`,
		"an array":                   `[]`,
		"a string":                   `"userinfo"`,
		"text after it":              `{} {}`,
		"a member that is an array":  `{"userinfo":[]}`,
		"a claim that is a string":   `{"userinfo":{"name":"yes"}}`,
		"essential that is a string": `{"userinfo":{"name":{"essential":"true"}}}`,
		"a sub that is a number":     `{"id_token":{"sub":{"value":1}}}`,
		"an empty sub":               `{"id_token":{"sub":{"value":""}}}`,
		"two subs":                   `{"id_token":{"sub":{"value":"a"}},"userinfo":{"sub":{"value":"b"}}}`,
		"an acr that is an object":   `{"id_token":{"acr":{"values":[{}]}}}`,
		"a deep value":               `{"userinfo":{"name":{"value":` + strings.Repeat("[", 9) + strings.Repeat("]", 9) + `}}}`,
		"too many claims":            `{"userinfo":{` + strings.Join(many, ",") + `}}`,
		"too long":                   `{"userinfo":{"name":{"value":"` + strings.Repeat("x", maxRequest) + `"}}}`,
		"no UTF-8":                   "{\"userinfo\":{\"\xff\":null}}",
	} {
		if got, err := ParseRequest(text); !errors.Is(err, ErrRequest) || !reflect.DeepEqual(got, Request{}) {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
}

func FuzzParseRequest(f *testing.F) {
	f.Add(`{"userinfo":{"name":{"essential":true,"value":"x","values":["y"]}},"id_token":{"acr":{"values":["a"]},"sub":{"value":"s"}}}`)
	f.Add(`{"userinfo":{"\u0000":null}}`)
	f.Add(`[[[[[[[[`)
	f.Fuzz(func(t *testing.T, text string) {
		request, err := ParseRequest(text)
		if err != nil {
			if !errors.Is(err, ErrRequest) {
				t.Errorf("bad input is no verdict: %v", err)
			}
			return
		}
		if len(request.ACRs) > maxMembers+1 || len(request.Subject) > 255 {
			t.Errorf("beyond bounds: %d values of acr", len(request.ACRs))
		}
		for _, name := range Requested(nil, request) {
			if !slices.Contains(Supported(), name) {
				t.Errorf("%q got through", name)
			}
		}
	})
}
