package accessibility

import (
	"context"
	"crypto/sha256"
	_ "embed" // look.js
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"tocsin/internal/browser"
)

// Limit is how long axe-core may look at one page. It takes half a second, and
// several on a busy machine.
const Limit = 20 * time.Second

//go:embed look.js
var lookScript string

// world is the name of the world that axe-core runs in.
const world = "tocsin-accessibility"

// sight is what look.js reports.
type sight struct {
	Engine     string    `json:"engine"`
	Passed     int       `json:"passed"`
	Unchecked  []string  `json:"unchecked"`
	Incomplete int       `json:"incomplete"`
	Found      int       `json:"found"`
	Findings   []sighted `json:"findings"`
}

// sighted is a finding, with what its element is.
type sighted struct {
	Finding
	Likeness string `json:"likeness"`
}

// Look lets axe-core look at the page in the tab of a chromedp context, within
// Limit. It runs in a world of its own, which the page cannot reach and where
// its content security policy does not count, leaves the document as it is, and
// fetches nothing. Frames are not looked into, and what a mask covers is looked
// at: a mask is about pixels. The error is a fault of our own, not of the page.
func Look(ctx context.Context) (*Report, error) {
	return look(ctx, Limit)
}

func look(ctx context.Context, limit time.Duration) (*Report, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("axe-core is not done within %s", limit))
	defer cancel()
	seen, err := chromedp.Run(ctx, run)
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, fmt.Errorf("check accessibility: %w", err)
	}
	report, err := seen.report()
	if err != nil {
		return nil, fmt.Errorf("check accessibility: %w", err)
	}
	return report, nil
}

// run loads axe-core into the page's frame and lets it look.
func run(ctx context.Context, tab *chromedp.Target) (seen sight, err error) {
	tree, err := cdp.Call(ctx, tab, page.GetFrameTree, cdp.Empty{})
	if err != nil {
		return seen, err
	}
	made, err := cdp.Call(ctx, tab, page.CreateIsolatedWorld, page.CreateIsolatedWorldParams{FrameID: tree.FrameTree.Frame.ID, WorldName: world})
	if err != nil {
		return seen, fmt.Errorf("make a world for axe-core: %w", err)
	}
	inside := func(p *runtime.EvaluateParams) {
		wait := true
		p.ContextID, p.AwaitPromise = made.ExecutionContextID, &wait
	}
	// Elements with such ids would be taken for a loader of modules.
	load := "((module, exports, define) => {" + engineScript + "\n})()"
	if _, err := chromedp.Evaluate[chromedp.Void](load, inside)(ctx, tab); err != nil {
		return seen, fmt.Errorf("load axe-core: %w", err)
	}
	arguments, err := json.Marshal([]any{tags(), MaxFindings})
	if err != nil {
		return seen, fmt.Errorf("encode rules: %w", err)
	}
	call := fmt.Sprintf("%s(...%s)", strings.TrimSpace(lookScript), arguments)
	return chromedp.Evaluate[sight](call, inside)(ctx, tab)
}

// report is what was seen, in the form that is kept.
func (s sight) report() (*Report, error) {
	if s.Engine != Engine {
		return nil, fmt.Errorf("%q looked at the page, not %q", s.Engine, Engine)
	}
	// Every page has a title and a language, or lacks them.
	if s.Passed == 0 && len(s.Findings) == 0 {
		return nil, errors.New("axe-core judged nothing on the page")
	}
	slices.Sort(s.Unchecked)
	report := &Report{
		Version: Version, Engine: s.Engine, Passed: s.Passed, Incomplete: s.Incomplete, Unchecked: s.Unchecked,
		Findings: []Finding{}, Omitted: max(0, s.Found-len(s.Findings)),
	}
	if len(s.Unchecked) == 0 {
		report.Unchecked = nil
	}
	taken := map[place]int{}
	for _, found := range s.Findings {
		finding := found.Finding
		finding.Help, finding.Summary = clip(finding.Help), clip(summary(finding.Summary))
		finding.HelpURL, finding.Path = clip(browser.WithoutQuery(finding.HelpURL)), clipPath(finding.Path)
		finding.Fingerprint = fmt.Sprintf("%x", sha256.Sum256([]byte(found.Likeness)))[:16]
		if taken[finding.place()]++; taken[finding.place()] > 1 {
			finding.Path = clipPath(fmt.Sprintf("%s:nth-match(%d)", finding.Path, taken[finding.place()]))
		}
		report.Findings = append(report.Findings, finding)
	}
	slices.SortStableFunc(report.Findings, func(a, b Finding) int {
		if by := b.Impact.rank() - a.Impact.rank(); by != 0 {
			return by
		}
		return strings.Compare(a.Rule, b.Rule)
	})
	if err := report.check(); err != nil {
		return nil, fmt.Errorf("axe-core's report: %w", err)
	}
	return report, nil
}

// summary puts the lines of axe-core's into one: a line that ends with a colon
// is followed by what it is about, indented.
func summary(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch said := out.String(); {
		case line == "":
			continue
		case said == "":
		case strings.HasSuffix(said, ":"):
			out.WriteString(" ")
		default:
			out.WriteString("; ")
		}
		out.WriteString(line)
	}
	return out.String()
}
