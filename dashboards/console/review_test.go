package console_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tocsin/dashboards/console"
	"tocsin/internal/verdict"
)

// folderOfPictures are pictures held in memory, whose files are real.
type folderOfPictures struct {
	mu       sync.Mutex
	pictures []console.Picture
	decided  []console.Decision
	failing  error
}

func (f *folderOfPictures) Pictures(context.Context) ([]console.Picture, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.pictures), f.failing
}

func (f *folderOfPictures) Picture(_ context.Context, name string) (*console.Picture, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, picture := range f.pictures {
		if picture.Name == name {
			return &picture, f.failing
		}
	}
	return nil, fmt.Errorf("look for %s: %w", name, console.ErrNoPicture)
}

func (f *folderOfPictures) Decide(_ context.Context, d console.Decision) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failing != nil {
		return f.failing
	}
	f.decided = append(f.decided, d)
	action := console.Rejected
	if d.Approve {
		action = console.Approved
	}
	for index := range f.pictures {
		if p := &f.pictures[index]; p.Name == d.Picture {
			p.History = append(p.History, console.PastDecision{Action: action, By: d.By, At: time.Now(), Reason: d.Reason, RunID: d.RunID, SHA256: d.SHA256, Fingerprint: p.Fingerprint})
		}
	}
	return nil
}

func (f *folderOfPictures) decisions() []console.Decision {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.decided)
}

func (f *folderOfPictures) change(name string, change func(*console.Picture)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for index := range f.pictures {
		if f.pictures[index].Name == name {
			change(&f.pictures[index])
		}
	}
}

const wrongPIN = "login__wrong-pin__mobile__dark__ar"

// reviewing is a console over pictures of every standing.
func reviewing(t *testing.T, decisions bool) (*bench, *folderOfPictures) {
	t.Helper()
	b := newBench(t)
	now := time.Now()
	approved := func(p console.Picture) console.Picture {
		p.RunID, p.SHA256, p.Approvable = "run-2", "sha-of-"+p.Name, true
		p.ApprovedBy, p.ApprovedAt, p.At = "Abebe", now.Add(-48*time.Hour), now.Add(-time.Minute)
		p.History = append([]console.PastDecision{{Action: console.Approved, By: "Abebe", At: p.ApprovedAt, Reason: "first", SHA256: "old"}}, p.History...)
		p.Actual, p.Baseline = b.drawn(p.Name, "actual.png", 60, 40), b.drawn(p.Name, "baseline.png", 60, 30)
		return p
	}
	failing := func(name string, p console.Picture) console.Picture {
		p.Name, p.Verdict, p.Reason, p.Detail = name, verdict.Fail, verdict.Assertion, "2 % of the page changed"
		p.Percent, p.ChangedPixels, p.Width, p.Height = 2, 1234, 60, 40
		p.Regions = []console.Region{{X: 5, Y: 30, Width: 9, Height: 7}, {X: 2, Y: 4, Width: 20, Height: 10}}
		p = approved(p)
		p.Difference = b.drawn(name, "difference.png", 60, 40)
		return p
	}
	first := approved(console.Picture{Name: "otp", Verdict: verdict.Unknown, Reason: verdict.NoData, Detail: "no approved picture"})
	first.ApprovedBy, first.ApprovedAt, first.Baseline, first.History = "", time.Time{}, "", nil
	f := &folderOfPictures{pictures: []console.Picture{
		approved(console.Picture{Name: "logout", Verdict: verdict.Pass, Reason: verdict.OK}),
		first,
		failing("error__expired", console.Picture{Fingerprint: "f1", History: []console.PastDecision{{Action: console.Rejected, By: "Kari", At: now.Add(-time.Hour), Reason: "misspelt", SHA256: "another", Fingerprint: "f1"}}}),
		failing(wrongPIN, console.Picture{Changes: []string{"text of `h1` changed from “<b>” to “B”"}, Accessibility: []string{"`#pin` has no label"}, Memory: "seen 3 times before"}),
		{Name: "wallet", Verdict: verdict.Fail, Reason: verdict.Status, Detail: "answered 503", RunID: "run-2", At: now},
		failing("consent", console.Picture{}),
		failing("agreed", console.Picture{History: []console.PastDecision{{Action: console.Approved, By: "Kari", At: now, Reason: "as agreed", SHA256: "sha-of-agreed"}}}),
	}}
	b.showing(f, decisions)
	return b, f
}

func (b *bench) showing(f console.Reviews, decisions bool) {
	b.t.Helper()
	made, err := console.New(console.Config{
		Target: "lab", Issuer: "https://localhost:8443", Journal: b.journal, RunsDir: b.runs, Log: slog.New(slog.DiscardHandler),
		Intervals: map[string]time.Duration{"login": 5 * time.Second}, Reviews: f, Decisions: decisions,
	})
	if err != nil {
		b.t.Fatal(err)
	}
	b.console = made
}

// drawn leaves a picture in the folder of runs, and returns its address.
func (b *bench) drawn(name, file string, width, height int) string {
	b.t.Helper()
	folder := filepath.Join(b.runs, "run-2", "visual", name)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		b.t.Fatal(err)
	}
	picture := image.NewNRGBA(image.Rect(0, 0, width, height))
	for at := range picture.Pix {
		picture.Pix[at] = 255
	}
	picture.Set(3, 3, color.Black)
	out, err := os.Create(filepath.Join(folder, file))
	if err != nil {
		b.t.Fatal(err)
	}
	defer out.Close()
	if err := png.Encode(out, picture); err != nil {
		b.t.Fatal(err)
	}
	return "/runs/run-2/visual/" + name + "/" + file
}

func (b *bench) gallery(path string) console.Gallery {
	b.t.Helper()
	var g console.Gallery
	if err := json.Unmarshal(b.get(path).Body.Bytes(), &g); err != nil {
		b.t.Fatal(err)
	}
	return g
}

func TestPicturesThatNeedADecisionComeFirst(t *testing.T) {
	b, _ := reviewing(t, true)
	g := b.gallery("/api/v1/visual")
	var got []string
	for _, p := range g.Pictures {
		got = append(got, fmt.Sprintf("%s %s", p.Standing, p.Name))
	}
	want := []string{"decide consent", "decide " + wrongPIN, "decide otp", "broken wallet", "rejected error__expired", "approved agreed", "passing logout"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if g.Counts != (console.Counts{Pictures: 7, Decide: 3, Broken: 1, Rejected: 1, Approved: 1, Passing: 1}) {
		t.Errorf("%+v", g.Counts)
	}
	if g.Headline.Verdict != verdict.Fail || g.Headline.Text != "3 of 7 pictures need a decision" {
		t.Errorf("%+v", g.Headline)
	}
	body := b.get("/visual").Body.String()
	last := -1
	for _, name := range []string{"consent", wrongPIN, "otp", "wallet", "error__expired", "agreed", "logout"} {
		at := strings.Index(body, `href="/visual/`+name+`"`)
		if at <= last {
			t.Errorf("%s is not shown, or not in its place", name)
		}
		last = at
	}
	main := b.get("/").Body.String()
	if !strings.Contains(main, "3 of 7 pictures need a decision") || !strings.Contains(main, `href="/visual"`) {
		t.Error("the main page does not say so")
	}
	if got := b.summary().Visual; got == nil || got.Counts.Decide != 3 {
		t.Errorf("summary %+v", got)
	}
}

func TestPicturesAreFilteredByEveryWordAndByStanding(t *testing.T) {
	b, _ := reviewing(t, true)
	for query, want := range map[string]int{"q=fail+LOGIN": 1, "q=dark": 1, "q=h1+changed": 1, "q=nothing-like-it": 0, "show=passing": 1, "q=otp&show=decide": 1, "q=no-data": 1, "": 7} {
		if g := b.gallery("/api/v1/visual?" + query); len(g.Pictures) != want || g.Counts.Pictures != 7 {
			t.Errorf("%q shows %d of %d, want %d", query, len(g.Pictures), g.Counts.Pictures, want)
		}
	}
	if got := b.get("/visual?show=everything"); got.Code != http.StatusBadRequest {
		t.Errorf("a standing that is none answered %d", got.Code)
	}
}

func TestThePageOfAPictureShowsWhatIsKnown(t *testing.T) {
	b, _ := reviewing(t, true)
	body := b.get("/visual/" + wrongPIN).Body.String()
	for _, want := range []string{
		"text of <code>h1</code> changed from “&lt;b&gt;” to “B”", "<code>#pin</code> has no label", "seen 3 times before", "2.00 % changed", "1\u202f234 px",
		"/baseline.png\" width=\"60\" height=\"30\"", "/actual.png\" width=\"60\" height=\"40\"", "/difference.png", `viewBox="0 0 60 40"`, "60 × 40 px, approved 60 × 30 px",
		`data-region="0" data-x="2" data-y="4" data-width="20" data-height="10"`, `data-region="1" data-x="5"`, "by Abebe",
		`rel="prev" data-go="previous" href="/visual/consent"`, `rel="next" data-go="next" href="/visual/otp"`, "2 of 7",
		`name="sha256" value="sha-of-` + wrongPIN, `name="run_id" value="run-2"`, `name="reason" value="" required`, "tocsin visual approve " + wrongPIN + " --from run-2 --reason",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(body, "style=") || strings.Contains(body, "onclick") || strings.Contains(body, "<script>") {
		t.Error("the page has what its policy forbids")
	}
	var r console.Reviewed
	if err := json.Unmarshal(b.get("/api/v1/visual/"+wrongPIN).Body.Bytes(), &r); err != nil || r.Standing != console.ToDecide || r.Position != 2 || r.Next != "otp" || r.Version == "" {
		t.Errorf("%v: %+v", err, r)
	}
}

func TestWhatThereIsNotIsSaidPlainly(t *testing.T) {
	b, f := reviewing(t, true)
	if body := b.get("/visual/otp").Body.String(); strings.Contains(body, "Slider") || !strings.Contains(body, "may be left out") || strings.Contains(body, `name="reason" value="" required`) {
		t.Error("a first picture has nothing to be compared with, and needs no reason")
	}
	if body := b.get("/visual/wallet").Body.String(); strings.Contains(body, "<form method=\"post\"") || !strings.Contains(body, "This check has no picture") {
		t.Error("where there is no picture, nothing can be decided")
	}
	f.change("consent", func(p *console.Picture) { p.ChangedPixels, p.Verdict = 0, verdict.Unknown })
	if body := b.get("/visual/consent").Body.String(); strings.Contains(body, "looks as approved") {
		t.Error("what was not compared is said to look as approved")
	}
	f.change("consent", func(p *console.Picture) { p.Actual, p.Baseline = "/runs/gone/actual.png", "https://example.com/x.png" })
	if body := b.get("/visual/consent").Body.String(); !strings.Contains(body, "no longer kept") || strings.Contains(body, "example.com") || strings.Contains(body, "/runs/gone") {
		t.Error("pictures that are gone, or elsewhere, are not left out")
	}
	for path, code := range map[string]int{
		"/visual/nobody": http.StatusNotFound, "/api/v1/visual/nobody": http.StatusNotFound, "/visual/..%2f..%2fetc": http.StatusNotFound, "/visual/.hidden": http.StatusNotFound,
		"/assets/review.html": http.StatusNotFound, "/assets/review.js": http.StatusOK, "/assets/review.css": http.StatusOK, "/visual": http.StatusOK,
	} {
		if got := b.get(path); got.Code != code {
			t.Errorf("%s answered %d, want %d", path, got.Code, code)
		}
	}
	f.failing = errors.New("the disk is on fire")
	if got := b.get("/visual"); got.Code != http.StatusServiceUnavailable || !strings.Contains(got.Body.String(), "on fire") {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	if got := b.get("/"); got.Code != http.StatusOK || !strings.Contains(got.Body.String(), "Nothing is known of pictures") {
		t.Error("the main page goes down with the pictures")
	}
	b.restart()
	if got := b.get("/visual"); got.Code != http.StatusNotFound {
		t.Errorf("without pictures there is no page of them: %d", got.Code)
	}
}

func TestHostileWordsStayWords(t *testing.T) {
	b, f := reviewing(t, true)
	const evil = `"><script>alert(1)</script>`
	f.change("consent", func(p *console.Picture) {
		p.Detail, p.URL, p.Memory, p.RunID, p.ApprovedBy = evil, "javascript:alert(1)", evil, evil+"'", evil
		p.Changes, p.Accessibility = []string{"`" + evil + "` and ` one backquote", "`" + evil + "`"}, []string{evil}
		p.History[0].Reason, p.History[0].By = evil, evil
	})
	f.pictures = append(f.pictures, console.Picture{Name: evil + "__../x", Verdict: verdict.Fail, Detail: evil})
	for _, path := range []string{"/visual", "/visual/consent", "/visual?q=" + strings.ReplaceAll(evil, " ", "+")} {
		body := b.get(path).Body.String()
		if strings.Contains(body, "<script>") || strings.Contains(body, `href="javascript`) {
			t.Errorf("%s runs what a page said", path)
		}
		if !strings.Contains(body, "&lt;script&gt;") && !strings.Contains(path, "?") {
			t.Errorf("%s does not show it", path)
		}
	}
}

func TestAPictureThatWasApprovedButFailsAgainNeedsADecision(t *testing.T) {
	b, f := reviewing(t, true)
	f.change("agreed", func(p *console.Picture) { p.At = time.Now().Add(time.Minute) })
	for _, p := range b.gallery("/api/v1/visual").Pictures {
		if p.Name == "agreed" && p.Standing != console.ToDecide {
			t.Errorf("it is %s", p.Standing)
		}
	}
}
