package checks

import (
	"time"

	"tocsin/visual/capture"
)

const version = 1

// File is a file of visual checks as it is written.
type File struct {
	Version int `yaml:"version"`
	// Viewports are those that pages name; desktop and mobile are known.
	Viewports map[string]Viewport `yaml:"viewports"`
	Defaults  Defaults            `yaml:"defaults"`
	Pages     []Page              `yaml:"pages"`
}

// Viewport is a size of the window.
type Viewport struct {
	Width  int     `yaml:"width"`
	Height int     `yaml:"height"`
	Scale  float64 `yaml:"scale"`
	Mobile bool    `yaml:"mobile"`
}

// Defaults hold for every page that does not say otherwise.
type Defaults struct {
	Looks `yaml:",inline"`
	Rules `yaml:",inline"`
}

// Looks are the ways in which a page is looked at: every combination.
type Looks struct {
	Viewports []string `yaml:"viewports"`
	Schemes   []string `yaml:"schemes"`
	Locales   []string `yaml:"locales"`
}

// Page is one page.
type Page struct {
	Name string `yaml:"name"`
	// URL of the page; relative to the issuer. Login is the login page, where
	// the authorization request of a fresh login ends: one of the two.
	URL   string `yaml:"url"`
	Login bool   `yaml:"login"`
	// Parameters are added to the authorization request of the login page, or
	// take the place of one that it has, such as prompt: consent.
	Parameters map[string]string `yaml:"parameters"`
	// Status is the HTTP status it must have. Default 200.
	Status int   `yaml:"status"`
	Looks  Looks `yaml:"looks"`
	Rules  `yaml:",inline"`
	// Element is a CSS selector of what is pictured; FullPage false pictures
	// what is seen without scrolling.
	Element  string   `yaml:"element"`
	FullPage *bool    `yaml:"full_page"`
	Masks    []string `yaml:"masks"`
	// ReducedMotion, Timezone and FrozenAt are what the page sees of the person
	// and of the time.
	ReducedMotion bool      `yaml:"reduced_motion"`
	Timezone      string    `yaml:"timezone"`
	FrozenAt      time.Time `yaml:"frozen_at"`
	// Timeout bounds one picture. Default 30 s.
	Timeout time.Duration `yaml:"timeout"`
	// Steps lead to the page in every state, and States to each of them. A page
	// without states is pictured once.
	Steps  []Step  `yaml:"steps"`
	States []State `yaml:"states"`
}

// State is one state of a page.
type State struct {
	Name  string   `yaml:"name"`
	Steps []Step   `yaml:"steps"`
	Masks []string `yaml:"masks"`
	// Status is the HTTP status in this state; 0 for that of the page.
	Status int `yaml:"status"`
}

// Step is one thing that is done before the picture. What is filled in is
// Value, or comes from the synthetic person of the target: individual_id or
// secret.
type Step struct {
	Goto     string `yaml:"goto"`
	Follow   string `yaml:"follow"`
	Fill     string `yaml:"fill"`
	Value    string `yaml:"value"`
	From     string `yaml:"from"`
	Click    string `yaml:"click"`
	Press    string `yaml:"press"`
	Wait     string `yaml:"wait"`
	WaitGone string `yaml:"wait_gone"`
	WaitText string `yaml:"wait_text"`
}

// What a step may fill in of the synthetic person.
const (
	FromID     = "individual_id"
	FromSecret = "secret"
)

// known are the viewports that need not be written down.
func known() map[string]Viewport {
	return map[string]Viewport{
		"desktop": {Width: capture.Width, Height: capture.Height, Scale: capture.Scale},
		"tablet":  {Width: 820, Height: 1180, Scale: 2, Mobile: true},
		"mobile":  {Width: 390, Height: 844, Scale: 3, Mobile: true},
	}
}
