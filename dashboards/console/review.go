package console

import (
	"context"
	"errors"
	"time"

	"tocsin/internal/verdict"
)

// Reviews are the pictures of pages that checks took, and what people decide
// about them.
type Reviews interface {
	// Pictures returns the newest check of every picture, in any order. The main
	// page asks every few seconds, so it must be quick.
	Pictures(ctx context.Context) ([]Picture, error)
	// Picture returns the newest check of one; its error wraps ErrNoPicture where
	// there is none of that name.
	Picture(ctx context.Context, name string) (*Picture, error)
	// Decide records what a person decided. Its error wraps ErrNoPicture,
	// ErrNewerPicture where the picture is not the one that was looked at, or
	// ErrUndecidable where the decision cannot be taken as it stands.
	Decide(ctx context.Context, decision Decision) error
}

// Errors of Reviews that a person is told what to do about.
var (
	ErrNoPicture    = errors.New("there is no such picture")
	ErrNewerPicture = errors.New("there is a newer picture than the one that was looked at")
	ErrUndecidable  = errors.New("this cannot be decided")
)

// Picture is the newest check of how a page looks.
type Picture struct {
	// Name is safe as that of a folder, its parts are divided by two underscores:
	// login__wrong-pin__mobile__dark__ar.
	Name    string          `json:"name"`
	Verdict verdict.Verdict `json:"verdict"`
	Reason  verdict.Reason  `json:"reason"`
	Detail  string          `json:"detail"`
	At      time.Time       `json:"at"`
	RunID   string          `json:"run_id"`
	// URL is where the page was found.
	URL string `json:"url,omitempty"`
	// SHA256 is that of the file of the picture, and Fingerprint names what
	// differs by its place; both are empty for none.
	SHA256      string `json:"sha256,omitempty"`
	Fingerprint string `json:"fingerprint,omitempty"`

	// Percent of the pixels changed, of a canvas of Width by Height pixels that
	// holds both pictures; zero where they were not compared.
	Percent       float64  `json:"percent"`
	ChangedPixels int      `json:"changed_pixels"`
	Regions       []Region `json:"regions"`
	Width         int      `json:"width"`
	Height        int      `json:"height"`

	// Changes are sentences, most important first; names of elements stand
	// between backquotes. Accessibility are findings that the approved page has not.
	Changes       []string `json:"changes"`
	Accessibility []string `json:"accessibility"`
	// Memory says what earlier checks saw of this difference.
	Memory string `json:"memory,omitempty"`

	// Baseline, Actual and Difference are addresses of PNG files below /runs/;
	// empty for none.
	Baseline   string `json:"baseline,omitempty"`
	Actual     string `json:"actual,omitempty"`
	Difference string `json:"difference,omitempty"`

	// ApprovedBy is who approved what later pictures are held against; empty
	// where nobody has.
	ApprovedBy     string    `json:"approved_by,omitempty"`
	ApprovedAt     time.Time `json:"approved_at,omitzero"`
	ApprovedReason string    `json:"approved_reason,omitempty"`
	// Approvable is false where there is no picture of the page itself, such as
	// when it answered with an error.
	Approvable bool `json:"approvable"`
	// History is every decision about the page, the oldest first.
	History []PastDecision `json:"history"`
}

// Region is a part of the canvas that changed, in pixels.
type Region struct {
	X      int `json:"x"`
	Y      int `json:"y"`
	Width  int `json:"width"`
	Height int `json:"height"`
}

// Action is what a person decided.
type Action string

const (
	// Approved made a picture what later ones are held against.
	Approved Action = "approved"
	// Rejected called a picture a defect; the approved one stays.
	Rejected Action = "rejected"
)

// PastDecision is a decision on record.
type PastDecision struct {
	Action      Action    `json:"action"`
	By          string    `json:"by"`
	At          time.Time `json:"at"`
	Reason      string    `json:"reason"`
	RunID       string    `json:"run_id"`
	SHA256      string    `json:"sha256"`
	Fingerprint string    `json:"fingerprint,omitempty"`
}

// Decision is what a person decides now.
type Decision struct {
	Picture string
	// RunID is the run that took the picture that the person looked at, and
	// SHA256 that of its file.
	RunID   string
	SHA256  string
	Approve bool
	By      string
	// Reason is empty only for approving a first picture.
	Reason string
}

// first reports whether nobody has approved a picture of the page.
func (p *Picture) first() bool {
	return p.ApprovedAt.IsZero() && p.ApprovedBy == "" && p.Baseline == ""
}
