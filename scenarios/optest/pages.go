package optest

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
)

func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if q.Get("client_id") != ClientID || q.Get("code_challenge_method") != "S256" || q.Get("redirect_uri") != p.RedirectURI || q.Get("prompt") != "consent" {
		refuse(w, "invalid_request")
		return
	}
	id := rand.Text()
	p.transactions[id] = transaction{
		state: q.Get("state"), nonce: q.Get("nonce"), challenge: q.Get("code_challenge"),
		redirect: q.Get("redirect_uri"), csrf: rand.Text(),
	}
	http.Redirect(w, r, "/ui/login?tx="+id, http.StatusSeeOther)
}

const page = `<!doctype html><html><body>
<form method="get" action="/language"><select name="lang"><option value="en">English</option></select><button>Change</button></form>
<form method="post" action="%s"><input type="hidden" name="csrf" value="%s">%s</form></body></html>`

func (p *Provider) show(w http.ResponseWriter, r *http.Request, tx transaction, controls string) {
	http.SetCookie(w, &http.Cookie{Name: "__Host-csrf", Value: tx.csrf, Path: "/", Secure: true, HttpOnly: true})
	fmt.Fprintf(w, page, r.URL.RequestURI(), tx.csrf, controls)
}

// begun returns the transaction of a request, after the checks of its form.
func (p *Provider) begun(w http.ResponseWriter, r *http.Request) (string, transaction, bool) {
	id := r.URL.Query().Get("tx")
	tx, ok := p.transactions[id]
	if !ok {
		http.Error(w, "no such login", http.StatusNotFound)
		return "", tx, false
	}
	if r.Method != http.MethodPost {
		return id, tx, true
	}
	cookie, err := r.Cookie("__Host-csrf")
	if err != nil || cookie.Value != tx.csrf || r.FormValue("csrf") != tx.csrf {
		http.Error(w, "csrf", http.StatusForbidden)
		return "", tx, false
	}
	return id, tx, true
}

func (p *Provider) login(w http.ResponseWriter, r *http.Request) {
	id, tx, ok := p.begun(w, r)
	if !ok {
		return
	}
	individual := r.FormValue("individual_id")
	if r.Method != http.MethodPost || r.FormValue("pin") != PIN || individual < First {
		p.show(w, r, tx, `<label>Number <input name="individual_id"></label><label>PIN <input type="password" name="pin"></label><button>Log in</button>`)
		return
	}
	p.individuals[individual]++
	tx.loggedIn = true
	p.transactions[id] = tx
	http.Redirect(w, r, "/ui/consent?tx="+id, http.StatusSeeOther)
}

func (p *Provider) consent(w http.ResponseWriter, r *http.Request) {
	id, tx, ok := p.begun(w, r)
	if !ok {
		return
	}
	if r.Method != http.MethodPost {
		p.show(w, r, tx, `<input type="checkbox" name="claims" value="name"><button name="decision" value="deny">Deny</button><button name="decision" value="allow">Allow</button>`)
		return
	}
	if !tx.loggedIn || r.FormValue("decision") != "allow" || r.FormValue("claims") != "name" {
		http.Error(w, "not allowed", http.StatusForbidden)
		return
	}
	delete(p.transactions, id)
	issued := &code{transaction: tx, grant: rand.Text()}
	p.grants[issued.grant] = true
	secret := rand.Text()
	p.codes[secret] = issued
	back := url.Values{"code": {secret}, "state": {tx.state}, "iss": {p.URL}}
	http.Redirect(w, r, tx.redirect+"?"+back.Encode(), http.StatusSeeOther)
}
