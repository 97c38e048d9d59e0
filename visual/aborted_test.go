package visual

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"tocsin/internal/verdict"
	"tocsin/visual/checks"
)

// brokerPage is a page of a login broker: a card with a heading, and what stands
// in it.
const brokerPage = `<!doctype html><html lang="en"><title>%s</title><style>
	body{font:16px/1.5 sans-serif;margin:0;background:#f4f5f7;color:#1c2430}
	main{background:#fff;border:1px solid #d5d9e0;margin:32px auto;padding:24px 32px;width:420px}
	h1{font-size:24px} label{display:block;margin:12px 0 4px} input{border:1px solid #6b7585;box-sizing:border-box;font:inherit;padding:8px;width:100%%}
	button{background:#0b5cad;border:0;color:#fff;font:inherit;margin-top:20px;padding:10px;width:100%%} .code{color:#5a6475}
	</style><main><h1>%s</h1>%s</main></html>`

// A page that a monitor of pixels alone would report as "8 % changed" is the page
// of an aborted login, and must be told as that.
func TestAnAbortedLoginIsNamedAndNotOnlyMeasured(t *testing.T) {
	issuer := newIssuer(t)
	login := fmt.Sprintf(brokerPage, "Log in", "Log in with MitID", `<p>Open the MitID app and approve.</p>
		<label for="user">User ID</label><input id="user"><button>Continue</button>`)
	aborted := fmt.Sprintf(brokerPage, "Error", "Something went wrong", `<p>The authentication was aborted, probably by the user.
		Close this window and try again, or go back to the service that you came from.</p><p class="code">Error code: IDP-3200</p>`)
	shows := func(content string) {
		issuer.answers(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			fmt.Fprint(w, content)
		})
	}
	file, err := checks.Parse("visual.yaml", []byte("version: 1\nviewports: {window: {width: 560, height: 480}}\n"+
		"pages:\n  - {name: login, login: true, attempts: 1, looks: {viewports: [window]}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	desk := newDesk(t, issuer.target(t))
	desk.shot = file.Shots()[0]
	shows(login)
	desk.approve(desk.expect(verdict.NoBaseline, ""), "")
	shows(aborted)
	found := desk.expect(verdict.Appearance, "error IDP-3200 is shown: “Something went wrong The authentication was aborted")
	if !strings.HasPrefix(found.Changes[0].Sentence, "error IDP-3200 is shown") || found.Changes[0].Code != "IDP-3200" {
		t.Errorf("the first that is told: %+v", found.Changes[0])
	}
	// 8.32 % is what a broker measured of such a page; fonts move it a little.
	if found.Percent < 7 || found.Percent > 10 {
		t.Errorf("%.2f %% of the page changed", found.Percent)
	}
	t.Logf("%.2f %%: %s", found.Percent, found.Detail)
}
