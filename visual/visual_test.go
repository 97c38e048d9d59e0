package visual

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"tocsin/internal/verdict"
	"tocsin/visual/compare"
)

// expect checks the page and fails the test on another verdict or reason.
func expect(t *testing.T, config Config, want verdict.Verdict, reason string) Result {
	t.Helper()
	result := Check(t.Context(), config)
	if result.Verdict != want || !strings.Contains(result.Reason, reason) {
		t.Fatalf("%s: %s; want %s with %q", result.Verdict, result.Reason, want, reason)
	}
	return result
}

func TestLoginPageFromFirstLookToSabotage(t *testing.T) {
	issuer := newIssuer(t)
	config := Config{Target: issuer.target(t), StateDir: t.TempDir()}

	first := expect(t, config, verdict.Unknown, "no approved baseline of page login of target test")
	proposal, err := ProposalFrom(config.StateDir, first.RunID, "test", PageLogin)
	if err != nil {
		t.Fatal(err)
	}
	approval, err := proposal.Approval(BaselineDir(config.StateDir), "alice", "", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := proposal.Approve(BaselineDir(config.StateDir), approval); err != nil {
		t.Fatal(err)
	}

	same := expect(t, config, verdict.Pass, "is the approved picture to the byte, by alice")
	if same.Percent != 0 || same.ChangedPixels != 0 || same.Files.Difference != "" || same.URL != issuer.URL+"/ui/login" {
		t.Errorf("pass with %+v", same)
	}

	issuer.says("Log on")
	changed := expect(t, config, verdict.Fail, "% of the page changed")
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
	expect(t, config, verdict.Fail, "/authorize answered 503 Service Unavailable instead of the login page")
	issuer.answers(func(w http.ResponseWriter, request *http.Request) {
		http.Redirect(w, request, "/callback?error=invalid_scope&state=s", http.StatusSeeOther)
	})
	failed := expect(t, config, verdict.Fail, `answered with error "invalid_scope"`)
	if _, err := ProposalFrom(config.StateDir, failed.RunID, "test", PageLogin); err == nil {
		t.Error("a picture of an error can be approved")
	}
	checkRequests(t, issuer)
	checkNoSecret(t, config.StateDir)
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
		record, err := os.ReadFile(evidenceFolder(stateDir, run.Name(), PageLogin) + "/" + resultFile)
		if err != nil || strings.Contains(string(record), "secret") || !json.Valid(record) {
			t.Errorf("evidence of run %s: %v %s", run.Name(), err, record)
		}
	}
}

func TestTargetThatCannotBeTrustedOrReachedFails(t *testing.T) {
	issuer := newIssuer(t)
	config := Config{Target: issuer.target(t), StateDir: t.TempDir()}
	config.Target.TLS.CAFile = ""
	foreign := expect(t, config, verdict.Fail, "is not trusted: x509: certificate signed by unknown authority")
	if foreign.Files.Actual != "" || foreign.Approvable {
		t.Errorf("a foreign server left a picture: %+v", foreign)
	}
	config.Target = issuer.target(t)
	config.Target.Issuer = issuer.URL + "/tenant"
	expect(t, config, verdict.Fail, "discovery: "+issuer.URL+"/tenant/.well-known/openid-configuration answered 404")
	config.Target.Issuer = strings.Replace(issuer.URL, "127.0.0.1", "localhost", 1)
	config.Target.TLS.CAFile = issuer.target(t).TLS.CAFile
	expect(t, config, verdict.Fail, "")
	config.Target = issuer.target(t)
	issuer.Close()
	expect(t, config, verdict.Fail, "is unreachable")
}

func TestFaultsOfOurOwnAreUnknown(t *testing.T) {
	issuer := newIssuer(t)
	config := Config{Target: issuer.target(t), StateDir: t.TempDir()}

	missing := config
	missing.Page = "nowhere"
	expect(t, missing, verdict.Unknown, "choose from login")

	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if result := Check(gone, config); result.Verdict != verdict.Unknown || !strings.Contains(result.Reason, "interrupted") {
		t.Errorf("interrupted: %s %s", result.Verdict, result.Reason)
	}
	t.Setenv("TOCSIN_CHROMIUM", "/nowhere/chromium")
	expect(t, config, verdict.Unknown, "no Chromium on this machine")
	t.Setenv("TOCSIN_CHROMIUM", "")
	t.Setenv("PATH", t.TempDir())
	expect(t, config, verdict.Unknown, "apt-get install")
}
