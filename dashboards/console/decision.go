package console

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Limits of what a person sends with a decision.
const (
	maxDecisionBytes = 16 << 10
	maxPerson        = 100
	maxReason        = 500
)

// typed is the form of a decision as it was sent.
type typed struct {
	Decision, By, Reason, RunID, SHA256 string
	// Seen is how many decisions the page showed; -1 where it is not said.
	Seen int
}

// ownPages lets decisions through only from pages of this console. A page of
// somebody else can send a form here, and by a name that is made to lead here
// it can even be of the same origin; it cannot be at an address that is not a
// name.
func (c *Console) ownPages(next http.Handler) http.Handler {
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "Another site sent this decision, so nothing was decided. Decide on the page of the picture, below /visual", http.StatusForbidden)
	}))
	named := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !c.cfg.Decisions {
			http.Error(w, "Nothing can be decided here: this console only shows. Use the command line: tocsin visual approve --help", http.StatusForbidden)
			return
		}
		if host := hostname(r.Host); !c.trusts(host) {
			http.Error(w, fmt.Sprintf("Nothing can be decided at %q, a name that anybody could have made lead here. Use the address, or localhost", host), http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
	return protection.Handler(named)
}

func hostname(hostport string) string {
	if host, _, err := net.SplitHostPort(hostport); err == nil {
		return host
	}
	return strings.Trim(hostport, "[]")
}

func (c *Console) trusts(host string) bool {
	return net.ParseIP(host) != nil || host == "localhost" || strings.HasSuffix(host, ".localhost") || slices.Contains(c.cfg.Hosts, host)
}

func (c *Console) serveDecision(w http.ResponseWriter, r *http.Request) {
	form, status, problem := readDecision(w, r)
	if problem != "" {
		http.Error(w, problem, status)
		return
	}
	page, err := c.reviewed(r.Context(), r.PathValue("name"))
	if err != nil {
		c.refusePictures(w, r, err)
		return
	}
	page.Typed = form
	if problem := form.check(page); problem != "" {
		http.Error(w, problem, http.StatusBadRequest)
		return
	}
	if page.Refused = form.overtaken(page); page.Refused != "" {
		c.answer(w, r, false, http.StatusConflict, "review.html", page)
		return
	}
	err = c.cfg.Reviews.Decide(r.Context(), Decision{
		Picture: page.Name, RunID: page.RunID, SHA256: form.SHA256, Approve: form.Decision == "approve", By: form.By, Reason: form.Reason,
	})
	switch {
	case errors.Is(err, ErrNewerPicture):
		c.showNewer(w, r, form)
	case err != nil:
		c.refusePictures(w, r, err)
	default:
		c.goOn(w, r, &page.Review)
	}
}

// readDecision reads the form. A name and a reason are one line each.
func readDecision(w http.ResponseWriter, r *http.Request) (typed, int, string) {
	r.Body = http.MaxBytesReader(w, r.Body, maxDecisionBytes)
	if err := r.ParseForm(); err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return typed{}, http.StatusRequestEntityTooLarge, fmt.Sprintf("The decision is longer than %d bytes: shorten the reason to %d characters", maxDecisionBytes, maxReason)
		}
		return typed{}, http.StatusBadRequest, "The decision cannot be read as a form: " + err.Error()
	}
	line := func(name string) string { return strings.Join(strings.Fields(r.PostForm.Get(name)), " ") }
	form := typed{Decision: line("decision"), By: line("by"), Reason: line("reason"), RunID: line("run_id"), SHA256: line("sha256"), Seen: -1}
	if seen, err := strconv.Atoi(line("seen")); err == nil {
		form.Seen = seen
	}
	return form, 0, ""
}

// check says what is missing, or nothing.
func (t *typed) check(page *Reviewed) string {
	switch {
	case t.Decision != "approve" && t.Decision != "reject":
		return "Say what you decide: decision=approve or decision=reject"
	case t.By == "":
		return "Say who decides: the name of a person in by="
	case len([]rune(t.By)) > maxPerson || strings.ContainsFunc(t.By, unicode.IsControl):
		return fmt.Sprintf("The name in by= is longer than %d characters, or is no text", maxPerson)
	case t.Reason == "" && t.Decision == "reject":
		return "Say in reason= what is wrong with the picture"
	case t.Reason == "" && !page.First():
		return "Say in reason= why the page looks different now: somebody approved it as it was"
	case len([]rune(t.Reason)) > maxReason || strings.ContainsFunc(t.Reason, unicode.IsControl):
		return fmt.Sprintf("The reason is longer than %d characters, or is no text", maxReason)
	case t.RunID == "" || t.SHA256 == "":
		return "Say which picture you looked at: its run in run_id= and the SHA-256 of its file in sha256="
	case !page.Approvable:
		return "There is no picture of the page to decide about: " + page.Detail
	}
	return ""
}

// overtaken says why the decision is about something else than what there is
// now, or nothing. A later run that took the same picture is no reason.
func (t *typed) overtaken(page *Reviewed) string {
	if t.SHA256 != page.SHA256 {
		return "The page was checked again while you looked at it, and looks different now. Nothing was decided: this is the newer picture."
	}
	if t.Seen >= 0 && t.Seen < len(page.History) {
		last := page.History[len(page.History)-1]
		return fmt.Sprintf("%s %s a picture of this page while you looked at it: “%s”. Nothing was decided by you yet.", last.By, last.Action, last.Reason)
	}
	return ""
}

// showNewer shows the picture that came while the decision was under way.
func (c *Console) showNewer(w http.ResponseWriter, r *http.Request, form typed) {
	page, err := c.reviewed(r.Context(), r.PathValue("name"))
	if err != nil {
		c.refusePictures(w, r, err)
		return
	}
	page.Typed, page.Refused = form, "The page was checked again while you looked at it. Nothing was decided: this is the newer picture."
	c.answer(w, r, false, http.StatusConflict, "review.html", page)
}

// goOn leads to the next picture that needs a decision, or to the list.
func (c *Console) goOn(w http.ResponseWriter, r *http.Request, decided *Review) {
	to := url.URL{Path: "/visual", RawQuery: url.Values{"decided": {decided.Name}}.Encode()}
	all, err := c.reviews(r.Context())
	if err != nil {
		c.refusePictures(w, r, err)
		return
	}
	var waiting []Review
	for _, one := range all {
		if one.Standing == ToDecide && one.Name != decided.Name && folderSafe(one.Name) {
			waiting = append(waiting, one)
		}
	}
	if len(waiting) > 0 {
		// The reader goes on from where the decided one stood in the list.
		next := max(slices.IndexFunc(waiting, func(one Review) bool { return later(&one, decided) }), 0)
		to.Path = "/visual/" + waiting[next].Name
	}
	http.Redirect(w, r, to.String(), http.StatusSeeOther)
}

// later reports whether a comes after b among pictures of the same standing.
func later(a, b *Review) bool {
	return cmp.Or(cmp.Compare(urgency(a.Verdict), urgency(b.Verdict)), strings.Compare(a.Name, b.Name)) > 0
}
