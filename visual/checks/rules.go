package checks

import (
	"fmt"
	"image"
	"time"

	"tocsin/visual/compare"
	"tocsin/visual/decide"
)

// Rules say when a page is looked at, and what is a difference. What a page
// leaves out holds as the file's defaults have it.
type Rules struct {
	// Interval at which tocsin serve looks at the page; 0 for only when asked.
	Interval time.Duration `yaml:"interval"`
	// Attempts is how often a picture that differs is taken before it is a
	// fail. Default 2.
	Attempts int `yaml:"attempts"`
	// Accessibility is the least impact of a new finding that fails the check:
	// minor, moderate, serious or critical; or off. Default serious.
	Accessibility string `yaml:"accessibility"`
	// Budget is what may differ; see decide.DefaultBudget.
	Budget *Budget `yaml:"budget"`
}

// Budget is what may differ from the approved picture. What is left out is as
// decide.DefaultBudget has it.
type Budget struct {
	Changed    *int     `yaml:"changed"`
	SoftEdges  *int     `yaml:"soft_edges"`
	FaintShare *float64 `yaml:"faint_share"`
	Absorb     int      `yaml:"absorb"`
	// Ignore are regions that are not looked at, in pixels of the picture.
	Ignore []Region `yaml:"ignore"`
}

// Region is a part of a picture, in its pixels.
type Region struct {
	X      int `yaml:"x"`
	Y      int `yaml:"y"`
	Width  int `yaml:"width"`
	Height int `yaml:"height"`
}

// AccessibilityOff is for pages whose accessibility nobody looks at.
const AccessibilityOff = "off"

// impacts are what a finding about accessibility may be, the least first.
func impacts() []string { return []string{"minor", "moderate", "serious", "critical"} }

// Shortest interval, for each picture of a page: with steps and accessibility, one
// takes a browser a few seconds, and more where others want the processor, too.
const (
	shortestInterval = 10 * time.Second
	longestInterval  = 31 * 24 * time.Hour
	mostAttempts     = 5
)

func (r *Rules) fill(from Rules) {
	if r.Interval == 0 {
		r.Interval = from.Interval
	}
	if r.Attempts == 0 {
		r.Attempts = from.Attempts
	}
	if r.Accessibility == "" {
		r.Accessibility = from.Accessibility
	}
	if r.Budget == nil {
		r.Budget = from.Budget
	}
}

// pace wants an interval in which all pictures of a page can be taken.
func (c *checker) pace(key string, p *Page) {
	pictures := max(1, len(p.States)) * len(p.Looks.Viewports) * len(p.Looks.Schemes) * len(p.Looks.Locales)
	if least := time.Duration(pictures) * shortestInterval; p.Interval != 0 && p.Interval < least {
		c.report(key+".interval", fmt.Sprintf("%s is too short for %d pictures", p.Interval, pictures), fmt.Sprintf("write at least %s", least))
	}
}

func usual() Rules { return Rules{Attempts: 2, Accessibility: "serious"} }

// budget is the budget as it is applied.
func (r *Rules) budget() decide.Budget {
	applied := decide.DefaultBudget()
	own := r.Budget
	if own == nil {
		return applied
	}
	if own.Changed != nil {
		applied.Changed = *own.Changed
	}
	if own.SoftEdges != nil {
		applied.SoftEdges = *own.SoftEdges
	}
	if own.FaintShare != nil {
		applied.FaintShare = *own.FaintShare
	}
	applied.Absorb = own.Absorb
	for _, r := range own.Ignore {
		applied.Ignore = append(applied.Ignore, image.Rect(r.X, r.Y, r.X+r.Width, r.Y+r.Height))
	}
	return applied
}

func (c *checker) rules(key string, r Rules) {
	if r.Interval != 0 && (r.Interval < shortestInterval || r.Interval > longestInterval) {
		c.report(key+"interval", fmt.Sprintf("%s is not between %s and %s", r.Interval, shortestInterval, longestInterval), "")
	}
	if r.Attempts < 1 || r.Attempts > mostAttempts {
		c.report(key+"attempts", fmt.Sprintf("%d is not between 1 and %d", r.Attempts, mostAttempts), "")
	}
	c.oneOf(key+"accessibility", r.Accessibility, append(impacts(), AccessibilityOff))
	if r.Budget == nil {
		return
	}
	applied := r.budget()
	if applied.Changed < 0 || applied.SoftEdges < 0 || applied.FaintShare < 0 || applied.FaintShare > 1 {
		c.report(key+"budget", "has a number below zero, or a share above 1", "")
	}
	if applied.Absorb < 0 || applied.Absorb > compare.MaxReach {
		c.report(key+"budget.absorb", fmt.Sprintf("%d is not between 0 and %d pixels", applied.Absorb, compare.MaxReach), "")
	}
	for index, region := range r.Budget.Ignore {
		if region.X < 0 || region.Y < 0 || region.Width < 1 || region.Height < 1 {
			c.report(fmt.Sprintf("%sbudget.ignore[%d]", key, index), "is no region of a picture", "write it like {x: 0, y: 0, width: 300, height: 40}")
		}
	}
}
