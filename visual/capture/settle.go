package capture

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"math"
	"strings"
	"time"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"tocsin/internal/browser"
	"tocsin/visual/compare"
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
	pause = 100 * time.Millisecond
	// patience with fonts and images in one look.
	patience = 3 * time.Second
	// loadingLimit ends waiting for silence on the network, because a page may
	// hold a request open for ever.
	loadingLimit = 8 * time.Second
)

// ErrUnsettled is wrapped by errors about a page that did not stand still.
var ErrUnsettled = errors.New("page did not settle")

// settler waits for one page to stand still.
type settler struct {
	traffic *browser.Traffic
	masks   []string

	rounds  int
	height  int
	equal   int
	picture []byte
	moving  string // what kept the page from settling last
}

// look is what settle.js reports.
type look struct {
	Height  float64        `json:"height"`
	Waiting []string       `json:"waiting"`
	Masks   [][][4]float64 `json:"masks"`
}

// settle returns the picture of the page once two in a row are the same, to
// the byte: tolerance belongs to judging a page, not to knowing that it has
// stopped moving.
func (s *settler) settle(ctx context.Context) ([]byte, error) {
	began, viewport := time.Now(), Height
	for {
		seen, err := s.look(ctx)
		if err != nil {
			return nil, s.unsettled(ctx, err)
		}
		if s.ready(seen, time.Since(began)) {
			if wanted := min(max(s.height, Height), MaxHeight); wanted != viewport {
				viewport, s.equal, s.picture = wanted, 0, nil
				if err := chromedp.Do(ctx, emulate(int64(wanted))); err != nil {
					return nil, s.unsettled(ctx, err)
				}
				continue
			}
			picture, err := s.take(ctx, seen)
			if err != nil {
				return nil, s.unsettled(ctx, err)
			}
			if bytes.Equal(picture, s.picture) {
				return picture, nil
			}
			s.moving = "two pictures in a row differ (an animation by script, a video or a clock: mask it)"
			s.picture = picture
		}
		select {
		case <-ctx.Done():
			return nil, s.unsettled(ctx, ctx.Err())
		case <-time.After(pause):
		}
	}
}

// ready reports whether the page looks finished enough to take its picture.
func (s *settler) ready(seen look, waited time.Duration) bool {
	if height := int(math.Ceil(seen.Height)); height != s.height {
		s.height, s.equal, s.picture = height, 0, nil
	}
	s.equal++
	switch {
	case len(seen.Waiting) > 0:
		s.moving = strings.Join(seen.Waiting, " and ") + " do not finish loading"
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
	masks := s.masks
	if masks == nil {
		masks = []string{}
	}
	arguments, err := json.Marshal(masks)
	if err != nil {
		return look{}, fmt.Errorf("encode masks: %w", err)
	}
	call := fmt.Sprintf("%s(%s, %d)", strings.TrimSpace(settleScript), arguments, patience.Milliseconds())
	return chromedp.Run(ctx, chromedp.Evaluate[look](call, func(p *runtime.EvaluateParams) {
		wait := true
		p.AwaitPromise = &wait
	}))
}

// take pictures the page without what is masked: that may move.
func (s *settler) take(ctx context.Context, seen look) ([]byte, error) {
	picture, err := chromedp.Run(ctx, screenshot)
	if err != nil {
		return nil, err
	}
	return cover(picture, s.masks, seen.Masks)
}

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

// cover paints the masked boxes over the picture, in the colour that the field
// uses for it. A mask that matches nothing is an error: it would hide that the
// page has changed.
func cover(picture []byte, selectors []string, masks [][][4]float64) ([]byte, error) {
	if len(selectors) == 0 {
		return picture, nil
	}
	pixels, err := compare.DecodePNG(picture, compare.MaxPixels)
	if err != nil {
		return nil, fmt.Errorf("cover masks: %w", err)
	}
	magenta := image.NewUniform(color.NRGBA{255, 0, 255, 255})
	for i, selector := range selectors {
		if i >= len(masks) || len(masks[i]) == 0 {
			return nil, fmt.Errorf("cover masks: nothing on the page matches %q", selector)
		}
		for _, box := range masks[i] {
			area := image.Rect(int(math.Floor(box[0])), int(math.Floor(box[1])), int(math.Ceil(box[2])), int(math.Ceil(box[3])))
			draw.Draw(pixels, area, magenta, image.Point{}, draw.Src)
		}
	}
	return compare.EncodePNG(pixels)
}
