package visual

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/draw"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tocsin/internal/browser"
	"tocsin/internal/verdict"
	"tocsin/visual/baseline"
	"tocsin/visual/capture"
	"tocsin/visual/compare"
	"tocsin/visual/decide"
)

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
		shot capture.Shot
		want string
	}{
		"the login page":           {capture.Shot{URL: "https://id.example/ui/login?tx=1", Status: 200}, ""},
		"an error page":            {capture.Shot{URL: "https://id.example/ui/error?tx=1", Status: 503}, "https://id.example/ui/error answered 503 Service Unavailable"},
		"an error for the client":  {capture.Shot{URL: callback + "?error=access_denied&error_description=no", Status: 404}, `error "access_denied", not with a login page: no`},
		"a code without any login": {capture.Shot{URL: callback + "?code=x", Status: 200}, "without showing a login page"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := wrongPage(&c.shot, callback)
			if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if strings.Contains(got, "tx=1") {
				t.Errorf("the query is in the reason: %s", got)
			}
		})
	}
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
	tolerance := decide.DefaultBudget()
	c := &check{config: Config{Tolerance: &tolerance, Attempts: 1}, result: &Result{URL: "https://id.example/login"}, actual: files[1]}
	c.approved = &baseline.Baseline{URL: "https://id.example/login", ApprovedBy: "alice", PNG: files[0], SHA256: baseline.Hash(files[0])}
	return c, &capture.Shot{PNG: files[1]}
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
			check.judge(shot)
			if check.result.Verdict != c.want || !strings.Contains(check.result.Reason, c.says) {
				t.Errorf("%s: %s; want %s with %q", check.result.Verdict, check.result.Reason, c.want, c.says)
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
	saved := check{config: Config{StateDir: state, RunID: "run-1", Page: PageLogin}, actual: file,
		result: &Result{Target: "test", Page: PageLogin, RunID: "run-1", Approvable: true, ActualSHA256: baseline.Hash(file)}}
	if err := saved.writeEvidence(); err != nil {
		t.Fatal(err)
	}
	actual := saved.result.Files.Actual
	for _, from := range []string{"run-1", filepath.Dir(actual), actual} {
		if proposal, err := ProposalFrom(state, from, "test", PageLogin); err != nil || !bytes.Equal(proposal.PNG, file) {
			t.Errorf("from %s: %v", from, err)
		}
	}
	if _, err := ProposalFrom(state, "run-2", "test", PageLogin); err == nil {
		t.Error("a run that does not exist is approved")
	}
	if _, err := ProposalFrom(state, "run-1", "other", PageLogin); err == nil {
		t.Error("a picture of another target is approved")
	}
	proposal := Proposal{Result: *saved.result, PNG: file}
	if _, err := proposal.Approval(state, "", "", time.Now()); err == nil {
		t.Error("approved by nobody")
	}
	if err := os.WriteFile(actual, append(file, 0), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ProposalFrom(state, "run-1", "test", PageLogin); err == nil {
		t.Error("a picture that was changed after the check is approved")
	}
}

func TestOnlyFindingsAboutTheTargetFail(t *testing.T) {
	for want, err := range map[verdict.Verdict]error{
		verdict.Fail:    errors.Join(&browser.UnreachableError{URL: "https://id.example", Err: errors.New("refused")}),
		verdict.Unknown: capture.ErrUnsettled,
	} {
		if got := verdictOf(err); got != want {
			t.Errorf("%v is %s, want %s", err, got, want)
		}
	}
}
