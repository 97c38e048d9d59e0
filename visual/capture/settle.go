package capture

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"strings"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"tocsin/internal/browser"
)

//go:embed settle.js
var settleScript string

// How a page proves that it stands still.
const (
	// equalHeights is how many readings of the height must agree: a page that
	// grows late would otherwise be cut in a size it never had for long.
	equalHeights = 3
	// quietFor is how long nothing may be loading before a picture counts.
	quietFor = 150 * time.Millisecond
	// pause between two looks.
	pause = 60 * time.Millisecond
	// patience with fonts and images in one look.
	patience = 3 * time.Second
	// loadingLimit ends waiting for silence on the network, because a page may
	// hold a request open for ever.
	loadingLimit = 8 * time.Second
	// maxResizes ends fitting the viewport to a page that grows with it.
	maxResizes = 3
	// maxDocuments is how many pages in a row a page may send its reader on to.
	maxDocuments = 30
)

// ErrUnsettled is wrapped by errors about a page that did not stand still.
var ErrUnsettled = errors.New("page did not settle")

// settler waits for one page to stand still.
type settler struct {
	traffic *browser.Traffic
	request *Request
	view    View

	began    time.Time
	viewport int
	resizes  int
	rounds   int
	pages    int // that were asked for until the last look
	height   int
	equal    int
	picture  []byte
	moving   string // what kept the page from settling last
}

// look is what settle.js reports.
type look struct {
	Height   float64        `json:"height"`
	Waiting  []string       `json:"waiting"`
	Masks    [][][4]float64 `json:"masks"`
	Element  []float64      `json:"element"`
	Elements int            `json:"elements"`
}

// settle returns the picture of the page once two in a row are the same, to
// the byte: tolerance belongs to judging a page, not to knowing that it has
// stopped moving.
func (s *settler) settle(ctx context.Context) ([]byte, look, error) {
	s.began, s.viewport = time.Now(), s.view.Height
	for {
		seen, err := s.look(ctx)
		if err == nil && s.ready(seen, time.Since(s.began)) {
			var picture []byte
			if picture, err = s.next(ctx, seen); picture != nil {
				return picture, seen, err
			}
		}
		switch {
		case s.traffic.Documents() > maxDocuments:
			return nil, look{}, fmt.Errorf("%w: %w: %d pages in a row", ErrUnsettled, browser.ErrCircles, s.traffic.Documents())
		case err != nil && !turning(err):
			return nil, look{}, s.unsettled(ctx, err)
		case err != nil:
			s.equal, s.picture, s.moving = 0, nil, "one page gives way to the next"
		}
		select {
		case <-ctx.Done():
			return nil, look{}, s.unsettled(ctx, ctx.Err())
		case <-time.After(pause):
		}
	}
}

// turning reports whether an error only says that the page that was looked at
// has gone, and another comes.
func turning(err error) bool {
	text := err.Error()
	for _, says := range []string{"context was destroyed", "Cannot find context", "navigated or closed", "Cannot find default execution context"} {
		if strings.Contains(text, says) {
			return true
		}
	}
	return false
}

// next takes a picture of a page that looks ready. It returns the picture once
// it is the one that was taken before, and nil until then.
func (s *settler) next(ctx context.Context, seen look) ([]byte, error) {
	if wanted := s.fitting(); wanted != s.viewport && s.resizes < maxResizes {
		s.viewport, s.equal, s.picture = wanted, 0, nil
		s.resizes++
		return nil, chromedp.Do(ctx, chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error { return s.view.size(ctx, tab, wanted) }))
	}
	picture, err := s.take(ctx, seen)
	if err != nil {
		return nil, err
	}
	if bytes.Equal(picture, s.picture) {
		return picture, nil
	}
	if s.picture != nil {
		s.moving = "two pictures in a row differ (an animation by script, a video or a clock: mask it)"
	}
	s.picture = picture
	return nil, nil
}

// fitting is the height of the viewport in which all is seen that is pictured.
func (s *settler) fitting() int {
	if s.request.Viewport {
		return s.view.Height
	}
	return min(max(s.height, s.view.Height), s.view.maxHeight())
}

// ready reports whether the page looks finished enough to take its picture.
func (s *settler) ready(seen look, waited time.Duration) bool {
	height, pages := ceil(seen.Height), s.traffic.Documents()
	if height != s.height || pages != s.pages {
		s.height, s.pages, s.equal, s.picture = height, pages, 0, nil
	}
	s.equal++
	switch {
	case len(seen.Waiting) > 0:
		s.moving = strings.Join(seen.Waiting, " and ") + " do not finish loading"
	case s.request.Element != "" && len(seen.Element) == 0:
		s.moving = fmt.Sprintf("nothing on it matches %q", s.request.Element)
	case s.equal < equalHeights:
		s.moving = fmt.Sprintf("its height changes, last to %d pixels", s.height)
	case waited < loadingLimit && !s.traffic.Quiet(quietFor):
		s.moving = "it keeps loading"
	default:
		return true
	}
	s.picture = nil
	return false
}

func (s *settler) look(ctx context.Context) (look, error) {
	s.rounds++
	masks := s.request.Masks
	if masks == nil {
		masks = []string{}
	}
	arguments, err := json.Marshal([]any{masks, s.request.Element, patience.Milliseconds()})
	if err != nil {
		return look{}, fmt.Errorf("encode masks: %w", err)
	}
	call := fmt.Sprintf("%s(...%s)", strings.TrimSpace(settleScript), arguments)
	return chromedp.Run(ctx, chromedp.Evaluate[look](call, func(p *runtime.EvaluateParams) {
		wait := true
		p.AwaitPromise = &wait
	}))
}

// take pictures the page, or its element, without what is masked: that may
// move.
func (s *settler) take(ctx context.Context, seen look) ([]byte, error) {
	params := page.CaptureScreenshotParams{Format: page.CaptureScreenshotFormatPng}
	origin := image.Point{}
	if s.request.Element != "" {
		box := outward(seen.Element)
		if box.Empty() || box.Max.Y > s.viewport {
			return nil, fmt.Errorf("%w: %q has the box %v, of which there is no picture", errElement, s.request.Element, box)
		}
		origin = box.Min
		params.Clip = &page.Viewport{X: float64(box.Min.X), Y: float64(box.Min.Y), Width: float64(box.Dx()), Height: float64(box.Dy()), Scale: 1}
	}
	picture, err := chromedp.Run(ctx, func(ctx context.Context, tab *chromedp.Target) ([]byte, error) {
		taken, err := cdp.Call(ctx, tab, page.CaptureScreenshot, params)
		return taken.Data, err
	})
	if err != nil {
		return nil, err
	}
	return cover(picture, s.request.Masks, seen.Masks, origin, s.view.Scale)
}

var errElement = errors.New("the element cannot be pictured")

// unsettled explains the end of waiting: by the deadline, or by another fault.
func (s *settler) unsettled(ctx context.Context, err error) error {
	if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("wait for page to settle: %w", err)
	}
	moving := s.moving
	if moving == "" {
		moving = "its scripts do not let it be looked at"
	}
	return fmt.Errorf("%w within the deadline (%d looks): %s", ErrUnsettled, s.rounds, moving)
}
