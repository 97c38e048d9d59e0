package ui

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"tocsin/system/identity/transaction"
	"tocsin/system/page"
)

// linkCookie and the id of a transaction name the cookie that remembers which
// code its page shows. The code is no secret from who sees the page.
const linkCookie = "__Host-link-"

// maxLink bounds that cookie's value.
const maxLink = 1024

// shownLink is the code on the page of one browser.
type shownLink struct {
	Code    string    `json:"c"`
	URI     string    `json:"u"`
	Expires time.Time `json:"e"`
}

func (l *shownLink) seal() (string, error) {
	text, err := json.Marshal(l)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(text), nil
}

// openLink returns the link in a cookie, or nil.
func openLink(value string) *shownLink {
	if len(value) > maxLink {
		return nil
	}
	text, err := base64.RawURLEncoding.DecodeString(value)
	if err != nil {
		return nil
	}
	link := &shownLink{}
	if err := json.Unmarshal(text, link); err != nil || codeOf(link.Code) == "" {
		return nil
	}
	return link
}

// waitForWallet shows the code for a wallet until it has answered.
func (p *pages) waitForWallet(w http.ResponseWriter, r *http.Request, v *visit, view *View) {
	link := openLink(cookie(r, linkCookie+v.tx))
	retry := v.path("login", "&by="+page.ByWallet)
	var err error
	switch {
	case link == nil:
		link, err = p.newLink(w, r, v)
	case time.Now().Before(link.Expires):
		var next *Next
		next, err = p.provider.walletStatus(r.Context(), v.state, link.Code)
		if err == nil && !next.Pending {
			setCookie(w, linkCookie+v.tx, "", -time.Second)
			p.proceed(w, r, v, retry, next, nil)
			return
		}
		if problemIs(err, "link_gone") {
			link.Expires, err = time.Time{}, nil
		}
	}
	if err != nil {
		p.fail(w, r, retry, err)
		return
	}
	p.walletPage(w, r, v, view, link)
}

// newLink asks for a code and remembers it.
func (p *pages) newLink(w http.ResponseWriter, r *http.Request, v *visit) (*shownLink, error) {
	begun, err := p.provider.beginWallet(r.Context(), v.state)
	if err != nil {
		return nil, err
	}
	link := &shownLink{
		Code: begun.LinkCode, URI: begun.URI,
		Expires: time.Now().Add(time.Duration(begun.ExpiresIn) * time.Second).Truncate(time.Second),
	}
	sealed, err := link.seal()
	if err != nil {
		return nil, err
	}
	setCookie(w, linkCookie+v.tx, sealed, stateLife)
	return link, nil
}

func (p *pages) walletPage(w http.ResponseWriter, r *http.Request, v *visit, view *View, link *shownLink) {
	content := &page.Wallet{
		Step: p.loginStep(r, v, view, page.ByWallet), LinkCode: link.Code, Remaining: time.Until(link.Expires),
		Check: v.path("login", "&by="+page.ByWallet), Poll: v.path("login/wallet"),
	}
	if content.Remaining <= 0 {
		content.Expired = true
		p.set.Wallet(w, content)
		return
	}
	drawn, err := page.NewQR(link.URI)
	if err != nil {
		p.fail(w, r, content.Check, err)
		return
	}
	content.QR, content.Open = drawn, onThisHost(r, link.URI)
	p.set.Wallet(w, content)
}

// onThisHost returns address if it leads to this host, such as to the
// simulated wallet; wallets elsewhere are asked by the code.
func onThisHost(r *http.Request, address string) string {
	parsed, err := url.Parse(address)
	if err != nil || parsed.Scheme != "https" || parsed.Host != r.Host {
		return ""
	}
	return parsed.RequestURI()
}

// polled is what the script of the wallet's page is told.
type polled struct {
	// Location is where to go on; Again says to load the page again.
	Location string `json:"location,omitempty"`
	Again    bool   `json:"again,omitempty"`
}

// pollWallet answers the script of the wallet's page.
func (p *pages) pollWallet(w http.ResponseWriter, r *http.Request) {
	v := &visit{tx: r.URL.Query().Get("tx"), asked: asked(r)}
	if !transaction.ValidID(v.tx) {
		p.write(w, r, page.Failure{Kind: page.BadRequest})
		return
	}
	v.state = cookie(r, transaction.CookiePrefix+v.tx)
	link := openLink(cookie(r, linkCookie+v.tx))
	if v.state == "" || link == nil || !time.Now().Before(link.Expires) {
		p.tell(w, r, polled{Again: true})
		return
	}
	next, err := p.provider.walletStatus(r.Context(), v.state, link.Code)
	var answer polled
	switch {
	case err == nil && next.Pending:
	case err == nil:
		setCookie(w, linkCookie+v.tx, "", -time.Second)
		v.keep(w, next)
		answer.Location = v.destination(next)
	default:
		if _, verdict := refusedAs(err); !verdict {
			p.fail(w, r, "", err)
			return
		}
		answer.Again = true // the page itself tells what it is
	}
	p.tell(w, r, answer)
}

func (p *pages) tell(w http.ResponseWriter, r *http.Request, answer polled) {
	page.Harden(w.Header())
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		p.log.DebugContext(r.Context(), "write answer", "error", err)
	}
}

// renewLink throws the shown code away; the page makes another.
func (p *pages) renewLink(w http.ResponseWriter, r *http.Request) {
	v, ok := p.submit(w, r)
	if !ok {
		return
	}
	setCookie(w, linkCookie+v.tx, "", -time.Second)
	redirect(w, r, v.path("login", "&by="+page.ByWallet))
}
