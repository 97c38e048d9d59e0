package visual

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tocsin/internal/target"
	"tocsin/internal/verdict"
	"tocsin/visual/baseline"
	"tocsin/visual/checks"
	"tocsin/visual/compare"
	"tocsin/visual/decide"
)

func opened(t *testing.T, location string) *baseline.Store {
	t.Helper()
	store, err := baseline.Open(location)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// desk is a person who looks at the login page of an issuer, and decides.
type desk struct {
	t      *testing.T
	config Config
	looker *Looker
	shot   checks.Shot
	// earlier is what was seen so far.
	earlier []decide.Sighting
}

func newDesk(t *testing.T, to *target.Target) *desk {
	t.Helper()
	config := Config{Target: to, StateDir: t.TempDir()}
	looker, err := NewLooker(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := looker.Close(); err != nil {
			t.Error(err)
		}
	})
	return &desk{t: t, config: config, looker: looker, shot: loginShot(t)}
}

// expect checks the page and fails the test on another reason or sentence.
func (d *desk) expect(want verdict.Reason, detail string) Result {
	d.t.Helper()
	result := d.looker.Check(d.t.Context(), Look{Shot: d.shot, KeepPass: true, Earlier: func(context.Context) ([]decide.Sighting, error) { return d.earlier, nil }})
	if result.Reason != want || result.Verdict != want.Verdict() || !strings.Contains(result.Detail, detail) {
		d.t.Fatalf("%s (%s): %s; want %s with %q", result.Verdict, result.Reason, result.Detail, want, detail)
	}
	return result
}

// approve approves what a check saw.
func (d *desk) approve(seen Result, reason string) {
	d.t.Helper()
	proposal, err := ProposalFrom(d.config.StateDir, seen.RunID, "test", seen.Check)
	if err != nil {
		d.t.Fatal(err)
	}
	store := opened(d.t, BaselineDir(d.config.StateDir))
	approval, err := proposal.Approval(d.t.Context(), store, "alice", reason, time.Now())
	if err != nil {
		d.t.Fatal(err)
	}
	if err := proposal.Approve(d.t.Context(), store, approval); err != nil {
		d.t.Fatal(err)
	}
}

func TestLoginPageFromFirstLookToSabotage(t *testing.T) {
	issuer := newIssuer(t)
	desk := newDesk(t, issuer.target(t))
	first := desk.expect(verdict.NoBaseline, "no approved baseline of "+loginCheck+" of target test")
	desk.approve(first, "")

	same := desk.expect(verdict.OK, "is the approved picture to the byte, by alice")
	if same.Percent != 0 || same.ChangedPixels != 0 || same.Files.Difference != "" || same.URL != issuer.URL+"/ui/login" {
		t.Errorf("pass with %+v", same)
	}

	issuer.says("Log on")
	changed := desk.expect(verdict.Appearance, "% of the page changed")
	if !strings.Contains(changed.Detail, "text of `h1` changed from “Log in” to “Log on”") || changed.Attempts != 2 {
		t.Errorf("after %d attempts: %s", changed.Attempts, changed.Detail)
	}
	if len(changed.Boxes) != 1 || changed.Percent <= 0 || changed.Percent > 1 {
		t.Errorf("changed %g %% in %v", changed.Percent, changed.Boxes)
	}
	for _, path := range []string{changed.Files.Baseline, changed.Files.Actual, changed.Files.Difference} {
		picture, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := compare.DecodePNG(picture, compare.MaxPixels); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}

	issuer.answers(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	desk.expect(verdict.Unavailable, "/authorize answered 503 Service Unavailable without a page")
	issuer.answers(func(w http.ResponseWriter, request *http.Request) {
		http.Redirect(w, request, "/callback?error=invalid_scope&state=s", http.StatusSeeOther)
	})
	failed := desk.expect(verdict.ProtocolError, `answered with error "invalid_scope"`)
	if _, err := ProposalFrom(desk.config.StateDir, failed.RunID, "test", failed.Check); err == nil {
		t.Error("a picture of an error can be approved")
	}
	checkRequests(t, issuer)
	checkNoSecret(t, desk.config.StateDir)
}

// checkRequests demands that the authorization requests were complete, equal
// and marked.
func checkRequests(t *testing.T, issuer *issuer) {
	t.Helper()
	query := issuer.queries[0]
	for key, want := range map[string]string{
		"response_type": "code", "client_id": "client", "scope": "openid profile", "code_challenge_method": "S256",
		"redirect_uri": issuer.URL + "/callback", "from": "metadata",
	} {
		if query.Get(key) != want {
			t.Errorf("authorization request has %s=%q, want %q", key, query.Get(key), want)
		}
	}
	if len(query.Get("code_challenge")) != 43 {
		t.Errorf("code_challenge %q", query.Get("code_challenge"))
	}
	for _, other := range issuer.queries {
		if other.Encode() != query.Encode() {
			t.Errorf("authorization requests differ: %v and %v", query, other)
		}
	}
	header := issuer.headers
	if header.Get("Traceparent") == "" || header.Get("X-Synthetic-Run") == "" || !strings.Contains(header.Get("User-Agent"), "tocsin/") {
		t.Errorf("request is not marked: %v", header)
	}
}

func checkNoSecret(t *testing.T, stateDir string) {
	t.Helper()
	runs, err := os.ReadDir(stateDir + "/runs")
	if err != nil {
		t.Fatal(err)
	}
	for _, run := range runs {
		record, err := os.ReadFile(filepath.Join(Folder(stateDir, run.Name()), loginCheck, resultFile))
		if err != nil || strings.Contains(string(record), "secret") || !json.Valid(record) {
			t.Errorf("evidence of run %s: %v %s", run.Name(), err, record)
		}
	}
}

func TestTargetThatCannotBeTrustedOrReachedFails(t *testing.T) {
	issuer := newIssuer(t)
	given := func(change func(*target.Target)) *desk {
		to := issuer.target(t)
		change(to)
		return newDesk(t, to)
	}
	foreign := given(func(to *target.Target) { to.TLS.CAFile = "" }).expect(verdict.TLSUntrusted, "is foreign: it is signed by")
	if foreign.Files.Actual != "" || foreign.Approvable {
		t.Errorf("a foreign server left a picture: %+v", foreign)
	}
	given(func(to *target.Target) { to.Issuer = issuer.URL + "/tenant" }).
		expect(verdict.Status, "discovery: "+issuer.URL+"/tenant/.well-known/openid-configuration answered 404")
	given(func(to *target.Target) { to.TLS.CAFile = "/nowhere.pem" }).expect(verdict.OwnConfig, "/nowhere.pem")
	closed := given(func(*target.Target) {})
	issuer.Close()
	closed.expect(verdict.Refused, "nothing listens at")
}

func TestFaultsOfOurOwnAreUnknown(t *testing.T) {
	issuer := newIssuer(t)
	desk := newDesk(t, issuer.target(t))
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if result := desk.looker.Check(gone, Look{Shot: desk.shot}); result.Reason != verdict.Stopped {
		t.Errorf("stopped: %s %s", result.Reason, result.Detail)
	}
	t.Setenv("TOCSIN_CHROMIUM", "/nowhere/chromium")
	desk.expect(verdict.OwnBrowser, "no Chromium on this machine")
	t.Setenv("TOCSIN_CHROMIUM", "")
	t.Setenv("PATH", t.TempDir())
	desk.expect(verdict.OwnBrowser, "apt-get install")
}

func TestAPageThatIsAsApprovedAtTheSecondLookSaysSo(t *testing.T) {
	issuer := newIssuer(t)
	desk := newDesk(t, issuer.target(t))
	desk.approve(desk.expect(verdict.NoBaseline, ""), "")
	// The page shows another word once, as a page that flickers does.
	issuer.saysOnce("Log on")
	retried := desk.expect(verdict.Retried, "text of `h1` changed from “Log in” to “Log on”")
	if retried.Attempts != 2 || retried.FirstAttempt == "" || retried.ChangedPixels != 0 {
		t.Errorf("after %d attempts, of which the first: %q", retried.Attempts, retried.FirstAttempt)
	}
	folder := filepath.Dir(retried.Files.Actual)
	for _, name := range []string{firstFile, firstDifferenceFile} {
		if _, err := os.Stat(filepath.Join(folder, name)); err != nil {
			t.Error(err)
		}
	}
}

// A difference that came before is told, and fails all the same.
func TestADifferenceThatWasSeenBeforeFails(t *testing.T) {
	issuer := newIssuer(t)
	desk := newDesk(t, issuer.target(t))
	desk.shot.Attempts = 1
	desk.approve(desk.expect(verdict.NoBaseline, ""), "")
	issuer.says("Log on")
	first := desk.expect(verdict.Appearance, "")
	desk.earlier = []decide.Sighting{{At: first.Started, Fingerprint: first.Fingerprint}}
	desk.expect(verdict.Appearance, "this difference was seen once before")
}

func TestANewBarrierFailsAPageThatLooksAsApproved(t *testing.T) {
	issuer := newIssuer(t)
	desk := newDesk(t, issuer.target(t))
	desk.approve(desk.expect(verdict.NoBaseline, ""), "")
	desk.expect(verdict.OK, "")
	// An unnamed button that nobody sees is a barrier, and no difference.
	issuer.says(`Log in<button style="position:absolute;opacity:0;width:1px;height:1px"></button>`)
	found := desk.expect(verdict.Accessibility, "new barrier: critical: button-name at ")
	if len(found.Barriers) != 1 || found.ChangedPixels != 0 {
		t.Errorf("found %q, %d pixels", found.Barriers, found.ChangedPixels)
	}
	desk.shot.Accessibility = checks.AccessibilityOff
	desk.expect(verdict.OK, "")
	desk.shot.Accessibility = "serious"
	desk.approve(found, "known, and reported")
	desk.expect(verdict.OK, "")
}

func TestAPictureIsNotApprovedOverOneThatNobodyComparedItWith(t *testing.T) {
	issuer := newIssuer(t)
	desk := newDesk(t, issuer.target(t))
	desk.approve(desk.expect(verdict.NoBaseline, ""), "")
	issuer.says("Log on")
	old := desk.expect(verdict.Appearance, "")
	issuer.says("Sign in")
	desk.approve(desk.expect(verdict.Appearance, ""), "as agreed")
	proposal, err := ProposalFrom(desk.config.StateDir, old.RunID, "test", old.Check)
	if err != nil {
		t.Fatal(err)
	}
	_, err = proposal.Approval(t.Context(), opened(t, BaselineDir(desk.config.StateDir)), "bob", "late", time.Now())
	if err == nil || !strings.Contains(err.Error(), "alice approved another picture") {
		t.Errorf("approved all the same: %v", err)
	}
}
