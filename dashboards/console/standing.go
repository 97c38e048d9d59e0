package console

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"tocsin/internal/verdict"
)

// Standing is what a picture wants of a person.
type Standing string

const (
	// ToDecide does not look as approved, and nobody has said which is right.
	ToDecide Standing = "decide"
	// Broken left no picture of the page that could be approved.
	Broken Standing = "broken"
	// Defect was rejected: the page is to be mended.
	Defect Standing = "rejected"
	// Awaiting was approved after its check: the next one will tell.
	Awaiting Standing = "approved"
	// Passing looks as approved.
	Passing Standing = "passing"
)

// standings are in the order in which pictures are shown.
func standings() []Standing { return []Standing{ToDecide, Broken, Defect, Awaiting, Passing} }

// standing also returns the decision that is about this very picture.
func (p *Picture) standing() (Standing, *PastDecision) {
	decided := p.decided()
	switch {
	case p.Verdict.Good():
		return Passing, nil
	case !p.Approvable:
		return Broken, nil
	case decided == nil:
		return ToDecide, nil
	case decided.Action == Rejected:
		return Defect, decided
	case decided.At.After(p.At):
		return Awaiting, decided
	default:
		// It was checked again since, and approving it was not enough.
		return ToDecide, nil
	}
}

// decided is the newest decision about this picture. One that was rejected is
// known by what differs, too: noise must not bring a known defect back as new.
func (p *Picture) decided() *PastDecision {
	for index := len(p.History) - 1; index >= 0; index-- {
		past := &p.History[index]
		same := p.SHA256 != "" && past.SHA256 == p.SHA256
		alike := p.Fingerprint != "" && past.Fingerprint == p.Fingerprint && past.Action == Rejected
		if same || alike {
			return past
		}
	}
	return nil
}

// Review is a picture and where it stands.
type Review struct {
	Picture
	Standing Standing `json:"standing"`
	// Decision is the newest about this very picture, where it still holds.
	Decision *PastDecision `json:"decision,omitempty"`
	// Before, Now and Marked are the files that are still kept.
	Before Shot `json:"-"`
	Now    Shot `json:"-"`
	Marked Shot `json:"-"`
}

// Shot is a file of a picture and its size in pixels; its address is empty
// where there is none.
type Shot struct {
	Address       string
	Width, Height int
}

func (c *Console) review(p *Picture) Review {
	r := Review{Picture: *p, Before: c.runs.shot(p.Baseline), Now: c.runs.shot(p.Actual), Marked: c.runs.shot(p.Difference)}
	r.Standing, r.Decision = p.standing()
	r.Regions = slices.SortedStableFunc(slices.Values(p.Regions), func(a, b Region) int {
		return cmp.Or(cmp.Compare(a.Y, b.Y), cmp.Compare(a.X, b.X))
	})
	if r.Width <= 0 || r.Height <= 0 {
		r.Width, r.Height = max(r.Before.Width, r.Now.Width), max(r.Before.Height, r.Now.Height)
	}
	return r
}

// order puts first what needs a person. Within that it is by name: a list that
// jumps with every check cannot be worked through.
func order(all []Review) {
	slices.SortFunc(all, func(a, b Review) int {
		return cmp.Or(
			cmp.Compare(slices.Index(standings(), a.Standing), slices.Index(standings(), b.Standing)),
			cmp.Compare(urgency(a.Verdict), urgency(b.Verdict)),
			strings.Compare(a.Name, b.Name),
		)
	})
}

func urgency(v verdict.Verdict) int {
	if v == verdict.Fail {
		return 0
	}
	return 1
}

// matches reports whether every word of a query is somewhere in what is said
// of the picture.
func (r *Review) matches(query string) bool {
	said := strings.ToLower(strings.Join(append([]string{
		r.Name, string(r.Verdict), string(r.Standing), string(r.Reason), r.Detail, r.URL,
	}, r.Changes...), " "))
	for word := range strings.FieldsSeq(strings.ToLower(query)) {
		if !strings.Contains(said, word) {
			return false
		}
	}
	return true
}

// Counts is how many pictures there are, and how many of each standing.
type Counts struct {
	Pictures int `json:"pictures"`
	Decide   int `json:"decide"`
	Broken   int `json:"broken"`
	Rejected int `json:"rejected"`
	Approved int `json:"approved"`
	Passing  int `json:"passing"`
}

// Of is how many have a standing.
func (c Counts) Of(s Standing) int {
	return map[Standing]int{ToDecide: c.Decide, Broken: c.Broken, Defect: c.Rejected, Awaiting: c.Approved, Passing: c.Passing}[s]
}

func count(all []Review) Counts {
	by := map[Standing]int{}
	for _, r := range all {
		by[r.Standing]++
	}
	return Counts{Pictures: len(all), Decide: by[ToDecide], Broken: by[Broken], Rejected: by[Defect], Approved: by[Awaiting], Passing: by[Passing]}
}

// concluded is where all pictures stand together: a page that fails is worse
// than one of which nothing is known.
func concluded(all []Review) Headline {
	n := count(all)
	h := Headline{Verdict: verdict.Pass, Text: n.text()}
	for _, r := range all {
		switch {
		case r.Verdict == verdict.Fail && r.Standing != Awaiting:
			h.Verdict = verdict.Fail
		case !r.Verdict.Good() && h.Verdict != verdict.Fail:
			h.Verdict = verdict.Unknown
		}
	}
	if len(all) == 0 {
		h.Verdict = verdict.Unknown
	}
	return h
}

func (c Counts) text() string {
	of := func(n int, one, several string) string {
		if n == 1 {
			return fmt.Sprintf("%d of %d %s", n, c.Pictures, one)
		}
		return fmt.Sprintf("%d of %d %s", n, c.Pictures, several)
	}
	switch {
	case c.Pictures == 0:
		return "No page has been pictured yet"
	case c.Decide > 0:
		return of(c.Decide, "pictures needs a decision", "pictures need a decision")
	case c.Broken > 0:
		return of(c.Broken, "pages could not be pictured", "pages could not be pictured")
	case c.Rejected > 0:
		return of(c.Rejected, "pages has a defect that a person rejected", "pages have defects that people rejected")
	case c.Approved > 0:
		return of(c.Approved, "pictures was approved since and waits for its next check", "pictures were approved since and wait for their next check")
	case c.Pictures == 1:
		return "The page looks as approved"
	default:
		return fmt.Sprintf("All %d pages look as approved", c.Pictures)
	}
}

// VisualSummary is where pictures stand, for the main page.
type VisualSummary struct {
	Headline Headline `json:"headline"`
	Counts   Counts   `json:"counts"`
	// Problem is why nothing is known; the rest of the page does not depend on it.
	Problem string `json:"problem,omitempty"`
}

func (c *Console) summariseVisual(ctx context.Context) *VisualSummary {
	if c.cfg.Reviews == nil {
		return nil
	}
	pictures, err := c.cfg.Reviews.Pictures(ctx)
	if err != nil {
		c.cfg.Log.ErrorContext(ctx, "the console cannot show pictures", "error", err)
		return &VisualSummary{Headline: Headline{Verdict: verdict.Unknown, Text: "Nothing is known of pictures"}, Problem: err.Error()}
	}
	all := make([]Review, len(pictures))
	for index := range pictures {
		all[index].Picture = pictures[index]
		all[index].Standing, all[index].Decision = pictures[index].standing()
	}
	return &VisualSummary{Headline: concluded(all), Counts: count(all)}
}

// lately returns the reasons of the last decisions, the newest first.
func lately(all []Review, now time.Time) []string {
	const most, recent = 5, 24 * time.Hour
	var past []PastDecision
	for _, r := range all {
		for _, decision := range r.History {
			if now.Sub(decision.At) < recent && decision.Reason != "" {
				past = append(past, decision)
			}
		}
	}
	slices.SortStableFunc(past, func(a, b PastDecision) int { return b.At.Compare(a.At) })
	var reasons []string
	for _, decision := range past {
		if len(reasons) < most && !slices.Contains(reasons, decision.Reason) {
			reasons = append(reasons, decision.Reason)
		}
	}
	return reasons
}
