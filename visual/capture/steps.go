package capture

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"tocsin/internal/browser"
)

// Step is one thing that is done before the picture is taken. One of its
// fields is set; Value goes with Fill.
type Step struct {
	// Goto opens an address; a relative one starts at the page.
	Goto string
	// Follow opens the address of the first link that this CSS selector matches,
	// in the same tab, also when a click would open another.
	Follow string
	// Fill types Value into the first input that this CSS selector matches.
	Fill, Value string
	// Click presses the first element that this CSS selector matches.
	Click string
	// Press presses a key: Enter, Tab, Escape, or that of one character.
	Press string
	// Wait waits until something that this CSS selector matches is seen, and
	// WaitGone until nothing is. WaitText waits for a text on the page.
	Wait, WaitGone, WaitText string
}

// keys are those that can be pressed.
func keys() map[string]string {
	return map[string]string{"Enter": kb.Enter, "Tab": kb.Tab, "Escape": kb.Escape}
}

// key is what is pressed under a name; empty for a name that there is not.
func key(name string) string {
	if utf8.RuneCountInString(name) == 1 && unicode.IsPrint([]rune(name)[0]) {
		return name
	}
	return keys()[name]
}

// String names the step. What is typed is not told: it may be a secret.
func (s Step) String() string {
	for _, part := range []struct{ name, value string }{
		{"goto", browser.WithoutQuery(s.Goto)}, {"follow", s.Follow}, {"fill", s.Fill}, {"click", s.Click}, {"press", s.Press},
		{"wait", s.Wait}, {"wait_gone", s.WaitGone}, {"wait_text", s.WaitText},
	} {
		if part.value != "" {
			return part.name + " " + part.value
		}
	}
	return "nothing"
}

// Check says what is wrong with the step.
func (s Step) Check() error {
	set := 0
	for _, value := range []string{s.Goto, s.Follow, s.Fill, s.Click, s.Press, s.Wait, s.WaitGone, s.WaitText} {
		if value != "" {
			set++
		}
	}
	switch {
	case set != 1:
		return fmt.Errorf("a step does one thing, not %d", set)
	case s.Value != "" && s.Fill == "":
		return errors.New("value is for fill only")
	case s.Press != "" && key(s.Press) == "":
		return fmt.Errorf("key %q is neither Enter, Tab, Escape nor one character", s.Press)
	}
	if _, err := url.Parse(s.Goto); err != nil {
		return fmt.Errorf("goto %q is no address", s.Goto)
	}
	return nil
}

// StepError means that a page did not let a step be taken: it is not what it
// was when the steps were written, which is a finding about the target.
type StepError struct {
	// Number counts from 1.
	Number int
	Step   Step
	Err    error
}

func (e *StepError) Error() string { return fmt.Sprintf("step %d (%s): %v", e.Number, e.Step, e.Err) }

func (e *StepError) Unwrap() error { return e.Err }

// stepLimit bounds one step.
const stepLimit = 10 * time.Second

// walk takes the steps, and returns where the last one that opened a page
// ended.
func walk(ctx context.Context, tab *browser.Tab, steps []Step, at browser.Landed) (browser.Landed, error) {
	for index, step := range steps {
		bounded, cancel := context.WithTimeout(ctx, stepLimit)
		landed, err := step.take(bounded, tab, at)
		cancel()
		if err == nil {
			at = landed
			continue
		}
		var unreachable *browser.UnreachableError
		switch explained := tab.Explain(err); {
		case errors.As(err, &unreachable):
			return at, err
		case errors.Is(explained, browser.ErrCrashed), errors.Is(explained, browser.ErrMemory), errors.Is(explained, browser.ErrTooMuch):
			return at, explained
		case ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded):
			return at, err
		case errors.Is(err, context.DeadlineExceeded):
			err = fmt.Errorf("not possible within %s", stepLimit)
		}
		return at, &StepError{Number: index + 1, Step: step, Err: err}
	}
	return at, nil
}

func (s Step) take(ctx context.Context, tab *browser.Tab, at browser.Landed) (browser.Landed, error) {
	switch {
	case s.Goto != "":
		base, err := url.Parse(at.URL)
		if err != nil {
			return at, fmt.Errorf("address of the page: %w", err)
		}
		address, err := base.Parse(s.Goto)
		if err != nil {
			return at, fmt.Errorf("address %q: %w", s.Goto, err)
		}
		return tab.Navigate(ctx, address.String())
	case s.Follow != "":
		if err := until(ctx, "seen", s.Follow); err != nil {
			return at, err
		}
		address, found, err := linkOf(ctx, s.Follow)
		if err != nil || !found {
			return at, errors.Join(err, fmt.Errorf("what %q matches is no link", s.Follow))
		}
		return tab.Navigate(ctx, address)
	case s.Fill != "":
		if err := until(ctx, "seen", s.Fill); err != nil {
			return at, err
		}
		if err := chromedp.Do(ctx, chromedp.Clear(chromedp.CSS(s.Fill)), chromedp.SendKeys(chromedp.CSS(s.Fill), s.Value)); err != nil {
			return at, err
		}
	case s.Click != "":
		if err := until(ctx, "seen", s.Click); err != nil {
			return at, err
		}
		if err := chromedp.Do(ctx, chromedp.Click(chromedp.CSS(s.Click))); err != nil {
			return at, err
		}
	case s.Press != "":
		if err := chromedp.Do(ctx, chromedp.KeyEvent(key(s.Press))); err != nil {
			return at, err
		}
	case s.Wait != "":
		return at, until(ctx, "seen", s.Wait)
	case s.WaitGone != "":
		return at, until(ctx, "gone", s.WaitGone)
	case s.WaitText != "":
		return at, until(ctx, "text", s.WaitText)
	}
	return at, nil
}

// linkOf is the address of the first link that a selector matches.
func linkOf(ctx context.Context, selector string) (address string, found bool, err error) {
	quoted, err := quote(selector)
	if err != nil {
		return "", false, err
	}
	address, err = chromedp.Run(ctx, chromedp.Evaluate[string](`document.querySelector(`+quoted+`)?.href ?? ""`))
	return address, address != "", err
}

// untilScript looks once whether what is waited for is so.
const untilScript = `((what, wanted) => {
	if (what === "text") return (document.body?.innerText || "").includes(wanted);
	const seen = [...document.querySelectorAll(wanted)].some((e) => e.checkVisibility({ visibilityProperty: true }));
	return what === "gone" ? !seen : seen;
})(%q, %s)`

// until waits for something on the page, while one page gives way to another,
// too.
func until(ctx context.Context, what, wanted string) error {
	quoted, err := quote(wanted)
	if err != nil {
		return err
	}
	for {
		so, err := chromedp.Run(ctx, chromedp.Evaluate[bool](fmt.Sprintf(untilScript, what, quoted)))
		if so {
			return nil
		}
		if err != nil && ctx.Err() == nil && !turning(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// where is the page that a tab shows after its steps: a click may have led
// anywhere. Its status is that of the newest document.
func where(ctx context.Context, tab *browser.Tab, at browser.Landed) (browser.Landed, error) {
	address, err := chromedp.Run(ctx, chromedp.Location())
	if err != nil {
		return at, fmt.Errorf("address of the page: %w", err)
	}
	if browser.WithoutQuery(address) == browser.WithoutQuery(at.URL) {
		return at, nil
	}
	documents, _ := tab.Traffic().Summary()
	at = browser.Landed{URL: address, Status: http.StatusOK}
	if len(documents) > 0 && documents[len(documents)-1].Status != 0 {
		at.Status = documents[len(documents)-1].Status
	}
	return at, nil
}
