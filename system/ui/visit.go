package ui

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"time"

	"tocsin/system/identity/session"
	"tocsin/system/identity/transaction"
	"tocsin/system/page"
)

const (
	// browserCookie is a secret between this component and one browser; form
	// tokens are keyed with it.
	browserCookie = "__Host-browser"

	// stateLife is longer than a login may take.
	stateLife = 15 * time.Minute
	// finishedLife is how long a finished login stays: as long as its code, so
	// that a step whose answer did not get through to the client can be
	// repeated.
	finishedLife = time.Minute
)

// visit is one request of a browser about one login.
type visit struct {
	tx string
	// state is the sealed transaction.
	state   string
	browser string
	// asked is the language chosen with the switch, "" for none.
	asked string
}

// enter reads what a request for a page is about. When it is about nothing, it
// has been answered already, with an error page.
func (p *pages) enter(w http.ResponseWriter, r *http.Request) (*visit, bool) {
	query := r.URL.Query()
	return p.visit(w, r, query)
}

// submit reads a posted form and checks that a page of ours, shown to this
// browser, sent it.
func (p *pages) submit(w http.ResponseWriter, r *http.Request) (*visit, bool) {
	if !p.posted(w, r, "tx") {
		return nil, false
	}
	return p.visit(w, r, r.PostForm)
}

func (p *pages) visit(w http.ResponseWriter, r *http.Request, values url.Values) (*visit, bool) {
	v := &visit{tx: values.Get("tx"), asked: asked(r)}
	if !transaction.ValidID(v.tx) {
		p.write(w, r, page.Failure{Kind: page.BadRequest})
		return nil, false
	}
	v.state = cookie(r, transaction.CookiePrefix+v.tx)
	if v.state == "" {
		p.write(w, r, page.Failure{Kind: page.Expired})
		return nil, false
	}
	v.browser = known(w, r)
	return v, true
}

// posted reads a form and checks its token, which is about the field subject.
// The token is keyed with a cookie that no other site can read, so it needs no
// secret of the server and works in every zone.
func (p *pages) posted(w http.ResponseWriter, r *http.Request, subject string) bool {
	if err := r.ParseForm(); err != nil {
		p.write(w, r, page.Failure{Kind: page.BadRequest})
		return false
	}
	browser := cookie(r, browserCookie)
	right := token(browser, subject, r.PostForm.Get(subject))
	if browser == "" || !hmac.Equal([]byte(right), []byte(r.PostForm.Get("csrf"))) {
		p.write(w, r, page.Failure{Kind: page.Foreign})
		return false
	}
	return true
}

// token is what a form about a value of subject has to bring.
func token(browser, subject, value string) string {
	hash := hmac.New(sha256.New, []byte(browser))
	hash.Write([]byte("csrf " + subject + " " + value))
	return base64.RawURLEncoding.EncodeToString(hash.Sum(nil))
}

func (v *visit) token() string { return token(v.browser, "tx", v.tx) }

// path returns the address of a page about this login, in the chosen language.
func (v *visit) path(name string, more ...string) string {
	address := base + "/" + name + "?tx=" + v.tx + strings.Join(more, "")
	if v.asked != "" {
		address += "&ui_locales=" + v.asked
	}
	return address
}

// keep stores what a step has made of the transaction.
func (v *visit) keep(w http.ResponseWriter, next *Next) {
	if next.State != "" {
		v.state = next.State
	}
	if next.Session != "" {
		setCookie(w, session.Cookie, next.Session, 0)
	}
	switch {
	case next.Location != "":
		setCookie(w, transaction.CookiePrefix+v.tx, v.state, finishedLife)
	case next.State != "":
		http.SetCookie(w, transaction.Cookie(v.tx, v.state, stateLife))
	}
}

// known returns the browser's secret and gives it one if it has none.
func known(w http.ResponseWriter, r *http.Request) string {
	value := cookie(r, browserCookie)
	if value == "" {
		value = rand.Text()
		setCookie(w, browserCookie, value, 0)
	}
	return value
}

func cookie(r *http.Request, name string) string {
	found, err := r.Cookie(name)
	if err != nil {
		return ""
	}
	return found.Value
}

// setCookie sets a cookie that no script, no other host and no foreign form
// post sees. The __Host- prefix makes browsers refuse one that a sibling
// domain planted. Without life it ends with the browser; negative life ends it.
func setCookie(w http.ResponseWriter, name, value string, life time.Duration) {
	http.SetCookie(w, &http.Cookie{
		Name: name, Value: value, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
		MaxAge: int(life / time.Second),
	})
}
