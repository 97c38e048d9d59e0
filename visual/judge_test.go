package visual

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"tocsin/internal/target"
	"tocsin/visual/page"

	"tocsin/internal/browser"
	"tocsin/internal/verdict"
	"tocsin/visual/baseline"
	"tocsin/visual/capture"
	"tocsin/visual/checks"
	"tocsin/visual/compare"
	"tocsin/visual/decide"
)

// loginShot is the built-in check of the login page.
func loginShot(t *testing.T) checks.Shot {
	t.Helper()
	file, err := checks.ForTarget("", "")
	if err != nil {
		t.Fatal(err)
	}
	return file.Shots()[0]
}

const loginCheck = "login__desktop__light__en-us"

func picture(width, height int, paint func(*image.NRGBA)) *image.NRGBA {
	made := image.NewNRGBA(image.Rect(0, 0, width, height))
	draw.Draw(made, made.Rect, image.White, image.Point{}, draw.Src)
	if paint != nil {
		paint(made)
	}
	return made
}

func bar(shade uint8, area image.Rectangle) func(*image.NRGBA) {
	return func(p *image.NRGBA) { draw.Draw(p, area, image.NewUniform(color.Gray{shade}), image.Point{}, draw.Src) }
}

func TestPictureOfAnythingButTheLoginPageIsNamed(t *testing.T) {
	const callback = "https://client.example/callback"
	cases := map[string]struct {
		shot   capture.Shot
		reason verdict.Reason
		want   string
	}{
		"the login page":           {capture.Shot{URL: "https://id.example/ui/login?tx=1", Status: 200, PNG: []byte("x")}, verdict.OK, ""},
		"an error page":            {capture.Shot{URL: "https://id.example/ui/error?tx=1", Status: 503, PNG: []byte("x")}, verdict.Unavailable, "https://id.example/ui/error answered 503 Service Unavailable"},
		"an error that is told":    {capture.Shot{URL: "https://id.example/ui/error?tx=1", Status: 400, PNG: []byte("x"), Page: errorPage()}, verdict.Status, "answered 400 Bad Request, and 200 is expected; error IDP-3200 is shown"},
		"nothing at all":           {capture.Shot{URL: "https://id.example/ui/login", Status: 404}, verdict.Status, "answered 404 Not Found without a page"},
		"an error for the client":  {capture.Shot{URL: callback + "?error=access_denied&error_description=no", Status: 404}, verdict.ProtocolError, `error "access_denied", not with a login page: no`},
		"trouble for the client":   {capture.Shot{URL: callback + "?error=temporarily_unavailable", Status: 200}, verdict.Unavailable, "temporarily_unavailable"},
		"a code without any login": {capture.Shot{URL: callback + "?code=x", Status: 200}, verdict.Redirect, "without showing a login page"},
	}
	looker := Looker{config: Config{Target: &target.Target{Client: target.Client{RedirectURI: callback}}}}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			reason, got := looker.wrongPage(&c.shot, loginShot(t))
			if reason != c.reason || (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
				t.Errorf("got %s %q, want %s %q", reason, got, c.reason, c.want)
			}
			if strings.Contains(got, "tx=1") {
				t.Errorf("the query is in the reason: %s", got)
			}
		})
	}
}

// errorPage is what a person sees whose login was aborted.
func errorPage() *page.Page {
	return &page.Page{Version: page.Version, Elements: []page.Element{
		{Path: "html", Tag: "html", Parent: -1}, {Path: "h1", Tag: "h1", Text: "The login was aborted"}, {Path: "p", Tag: "p", Text: "Error IDP-3200"},
	}}
}

// judged prepares a check whose picture is now and whose baseline is before.
func judged(t *testing.T, before, now *image.NRGBA) (*check, *capture.Shot) {
	t.Helper()
	var files [2][]byte
	for i, p := range []*image.NRGBA{before, now} {
		file, err := compare.EncodePNG(p)
		if err != nil {
			t.Fatal(err)
		}
		files[i] = file
	}
	seen := &capture.Shot{PNG: files[1]}
	c := &check{Look: Look{Shot: checks.Shot{Attempts: 1, Budget: decide.DefaultBudget(), Accessibility: checks.AccessibilityOff}}, attempt: &attempt{
		result: &Result{URL: "https://id.example/login", ActualSHA256: baseline.Hash(files[1])}, seen: sight{Shot: seen},
		approved: &baseline.Baseline{URL: "https://id.example/login", ApprovedBy: "alice", PNG: files[0], SHA256: baseline.Hash(files[0])},
	}}
	return c, seen
}

func TestJudgement(t *testing.T) {
	plain := picture(200, 100, nil)
	cases := map[string]struct {
		now    *image.NRGBA
		modify func(*check, *capture.Shot)
		want   verdict.Verdict
		says   string
	}{
		"the same picture":    {plain, nil, verdict.Pass, "to the byte, by alice"},
		"within tolerance":    {picture(200, 100, bar(254, image.Rect(0, 0, 9, 1))), nil, verdict.Pass, "looks as approved (9 pixels within the tolerance)"},
		"a change":            {picture(200, 100, bar(0, image.Rect(0, 0, 9, 9))), nil, verdict.Fail, "81 pixels"},
		"another environment": {plain, func(c *check, _ *capture.Shot) { c.result.Environment.Chromium = "Chrome/2" }, verdict.Unknown, "browser none, now Chrome/2"},
		"a damaged baseline":  {plain, func(c *check, _ *capture.Shot) { c.approved.PNG, c.approved.SHA256 = []byte("x"), "" }, verdict.Unknown, "baseline cannot be read"},
		"a change on another page with a lost stylesheet": {picture(200, 100, bar(0, image.Rect(0, 0, 9, 9))), func(c *check, s *capture.Shot) {
			c.result.URL = "https://id.example/other"
			s.Broken = []browser.Exchange{{URL: "https://id.example/a.css", Status: http.StatusNotFound}}
		}, verdict.Fail, "the page is at https://id.example/other, the baseline was at https://id.example/login; did not load: https://id.example/a.css: 404 Not Found"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			check, shot := judged(t, plain, c.now)
			if c.modify != nil {
				c.modify(check, shot)
			}
			check.judge(t.Context())
			if check.result.Verdict != c.want || !strings.Contains(check.result.Detail, c.says) {
				t.Errorf("%s: %s; want %s with %q", check.result.Verdict, check.result.Detail, c.want, c.says)
			}
			if (check.difference != nil) != (c.want == verdict.Fail) {
				t.Errorf("difference picture of %d bytes with %s", len(check.difference), c.want)
			}
		})
	}
}

func TestApprovingExactlyWhatACheckSaw(t *testing.T) {
	state := t.TempDir()
	file, err := compare.EncodePNG(picture(10, 10, nil))
	if err != nil {
		t.Fatal(err)
	}
	saved := check{looker: &Looker{config: Config{StateDir: state}}, Look: Look{RunID: "run-1"}, attempt: &attempt{
		result: &Result{Target: "test", Check: loginCheck, RunID: "run-1", Approvable: true, ActualSHA256: baseline.Hash(file)},
		seen:   sight{Shot: &capture.Shot{PNG: file}},
	}}
	if err := saved.writeEvidence(); err != nil {
		t.Fatal(err)
	}
	if names, err := Seen(state, "run-1"); err != nil || len(names) != 1 || names[0] != loginCheck {
		t.Errorf("the run saw %v, %v", names, err)
	}
	actual := saved.result.Files.Actual
	for _, from := range []string{"run-1", filepath.Dir(actual), actual} {
		if proposal, err := ProposalFrom(state, from, "test", loginCheck); err != nil || !bytes.Equal(proposal.PNG, file) {
			t.Errorf("from %s: %v", from, err)
		}
	}
	if _, err := ProposalFrom(state, "run-2", "test", loginCheck); err == nil {
		t.Error("a run that does not exist is approved")
	}
	if _, err := ProposalFrom(state, "run-1", "other", loginCheck); err == nil {
		t.Error("a picture of another target is approved")
	}
	proposal := Proposal{Result: *saved.result, PNG: file}
	if _, err := proposal.Approval(t.Context(), opened(t, state), "", "", time.Now()); err == nil {
		t.Error("approved by nobody")
	}
	if err := os.WriteFile(actual, append(file, 0), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ProposalFrom(state, "run-1", "test", loginCheck); err == nil {
		t.Error("a picture that was changed after the check is approved")
	}
}

func TestOnlyFindingsAboutTheTargetFail(t *testing.T) {
	page := func(err error) error {
		return fmt.Errorf("look: %w", &browser.UnreachableError{URL: "https://id.example", Err: err})
	}
	for name, tc := range map[string]struct {
		err  error
		want verdict.Reason
	}{
		"nobody listens":     {page(fmt.Errorf("dial: %w", syscall.ECONNREFUSED)), verdict.Refused},
		"no such name":       {page(&net.DNSError{IsNotFound: true}), verdict.DNS},
		"cut off":            {page(io.ErrUnexpectedEOF), verdict.Reset},
		"no answer":          {page(context.DeadlineExceeded), verdict.Timeout},
		"a foreign issuer":   {page(&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}), verdict.TLSUntrusted},
		"an old certificate": {page(&tls.CertificateVerificationError{Err: x509.CertificateInvalidError{Reason: x509.Expired, Cert: &x509.Certificate{}}}), verdict.TLSExpired},
		"another name":       {page(&tls.CertificateVerificationError{Err: x509.HostnameError{Certificate: &x509.Certificate{}}}), verdict.TLSName},
		"circles":            {page(browser.ErrCircles), verdict.Redirect},
		"anything else":      {page(errors.New("strange")), verdict.Unreachable},
		"no such button":     {&capture.StepError{Err: errors.New("not seen")}, verdict.LoginForm},
		"always moving":      {fmt.Errorf("capture: %w", capture.ErrUnsettled), verdict.Unsettled},
		"a crash":            {browser.ErrCrashed, verdict.OwnBrowser},
		"no secret":          {&ownConfigError{os.ErrNotExist}, verdict.OwnConfig},
	} {
		looker := &Looker{config: Config{OwnNetwork: func() error { return nil }}}
		if got, detail := looker.reasonOf(t.Context(), tc.err); got != tc.want || detail == "" {
			t.Errorf("%s is %s %q, want %s", name, got, detail, tc.want)
		}
	}
}

func TestALostNetworkOfOursIsNoFinding(t *testing.T) {
	looker := &Looker{config: Config{OwnNetwork: func() error { return errors.New("no route leaves this machine") }}}
	for address, want := range map[string]verdict.Reason{
		"https://id.example/login":     verdict.OwnNetwork,
		"https://localhost:8443/login": verdict.Refused, // needs no network
	} {
		err := &browser.UnreachableError{URL: address, Err: syscall.ECONNREFUSED}
		if got, detail := looker.reasonOf(t.Context(), err); got != want || !strings.Contains(detail, "nothing listens at") {
			t.Errorf("%s: %s, %q; want %s", address, got, detail, want)
		}
	}
}
