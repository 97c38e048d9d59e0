package browser

import (
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFormsAreReadAsABrowserWouldSendThem(t *testing.T) {
	page := &Page{Body: `<title>Log in</title>
		<input name="outside" value="1">
		<form method="post" action="/a"><input type="hidden" name="tx" value="7">
			<input type="checkbox" name="claims" value="name" checked><input type="checkbox" name="claims" value="email">
			<input type="checkbox" name="claims" value="phone" checked><input value="nameless">
			<button name="decision" value="allow"></button><input type="submit" name="decision" value="deny"></form>
		<form action="/b"><input name="pin"></form>`}
	if err := page.read(); err != nil {
		t.Fatal(err)
	}
	want := []*Form{
		{Action: "/a", Method: "POST", Fields: url.Values{"tx": {"7"}, "claims": {"name", "phone"}}, Boxes: url.Values{"claims": {"name", "email", "phone"}}, Buttons: url.Values{"decision": {"allow", "deny"}}},
		{Action: "/b", Fields: url.Values{"pin": {""}}, Boxes: url.Values{}, Buttons: url.Values{}},
	}
	if difference := cmp.Diff(want, page.Forms); difference != "" {
		t.Errorf("forms: %s", difference)
	}
	if page.Title != "Log in" {
		t.Errorf("title %q", page.Title)
	}
	if form := page.With("pin"); form == nil || form.Action != "/b" {
		t.Errorf("the form with a PIN is %+v", form)
	}
}
