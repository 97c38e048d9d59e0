package browser

import (
	"context"
	_ "embed"
	"slices"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"tocsin/probes/form"
)

//go:embed act.js
var actScript string

// pressScript presses what a mouse cannot reach, such as a button below a
// banner: a person would scroll or close the banner first.
const pressScript = `(ref) => { const element = globalThis.tocsin.elements[ref]; if (element) element.click(); return true }`

// aimed is what act.js reports.
type aimed struct {
	Gone    bool    `json:"gone"`
	X       float64 `json:"x"`
	Y       float64 `json:"y"`
	Covered bool    `json:"covered"`
	Checked bool    `json:"checked"`
}

// fill types what is to be typed into a form, ticks what is to be ticked, and
// presses the button. Pages that go on by themselves after the last key are
// left to do so.
func (h *hand) fill(ctx context.Context, filled form.Submission) error {
	last := ""
	for _, input := range h.inputs(filled.Form) {
		wanted, has := filled.Values[input.Name]
		switch {
		case !has || input.ReadOnly:
		case input.Type == "checkbox" || input.Type == "radio":
			if slices.Contains(wanted, input.Value) != input.Checked && (input.Type == "checkbox" || !input.Checked) {
				if err := h.press(ctx, input.Ref); err != nil {
					return err
				}
			}
		case input.Type != "select" && wanted[0] != "":
			if wanted[0] != h.shown {
				h.typed = append(h.typed, wanted[0])
			}
			gone, err := h.typeInto(ctx, input.Ref, wanted[0])
			if err != nil || gone {
				return err
			}
			last = input.Ref
		}
	}
	if filled.Button != "" {
		return h.press(ctx, filled.Button)
	}
	if last == "" {
		return nil // a form that a script sends
	}
	return chromedp.Do(ctx, chromedp.KeyEvent(kb.Enter))
}

// inputs are those of a form of the page in hand.
func (h *hand) inputs(ref string) []form.Input {
	for _, candidate := range h.page.Forms {
		if candidate.Ref == ref {
			return candidate.Inputs
		}
	}
	return nil
}

// typeInto types a text in place of what is in an input. Gone is true when the
// page went on before it was its turn.
func (h *hand) typeInto(ctx context.Context, ref, text string) (gone bool, err error) {
	at, err := inWorld[aimed](ctx, h.world, actScript, ref, true)
	if err != nil || at.Gone {
		return at.Gone || h.seen.answer() != nil, ignoreGone(h, err)
	}
	return false, chromedp.Do(ctx, chromedp.KeyEvent(text))
}

// press presses a button as a mouse does.
func (h *hand) press(ctx context.Context, ref string) error {
	at, err := inWorld[aimed](ctx, h.world, actScript, ref, false)
	if err != nil || at.Gone {
		return ignoreGone(h, err)
	}
	if at.Covered {
		_, err := inWorld[bool](ctx, h.world, pressScript, ref)
		return ignoreGone(h, err)
	}
	return ignoreGone(h, chromedp.Do(ctx, chromedp.MouseClickXY(at.X, at.Y)))
}

// ignoreGone drops the error of an action on a page that has gone on to the
// redirect URI meanwhile.
func ignoreGone(h *hand, err error) error {
	if h.seen.answer() != nil {
		return nil
	}
	return err
}
