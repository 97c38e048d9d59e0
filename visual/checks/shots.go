package checks

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"tocsin/visual/capture"
)

// Shot is one picture that is to be taken.
type Shot struct {
	// Name is unique in its file, and fit to name a folder: page, state,
	// viewport, scheme and locale.
	Name                                  string
	Page, State, Viewport, Scheme, Locale string
	// Login is true for the login page; else Address says where to begin,
	// which may be relative to the issuer.
	Login   bool
	Address string
	// Status that the page must have.
	Status int

	page  *Page
	state *State
	size  Viewport
}

// Shots are all pictures of the file, in its order.
func (f *File) Shots() []Shot {
	var all []Shot
	for index := range f.Pages {
		page := &f.Pages[index]
		states := page.States
		if len(states) == 0 {
			states = []State{{Status: page.Status}}
		}
		for at := range states {
			for _, viewport := range page.Looks.Viewports {
				for _, scheme := range page.Looks.Schemes {
					for _, tag := range page.Looks.Locales {
						all = append(all, Shot{
							Page: page.Name, State: states[at].Name, Viewport: viewport, Scheme: scheme, Locale: tag,
							Name:  shotName(page.Name, states[at].Name, viewport, scheme, tag),
							Login: page.Login, Address: page.URL, Status: states[at].Status,
							page: page, state: &states[at], size: f.Viewports[viewport],
						})
					}
				}
			}
		}
	}
	return all
}

// shotName joins what makes a picture. Names of pages and states have single
// dashes at most between words, so two underscores keep the parts apart.
func shotName(parts ...string) string {
	var named []string
	for _, part := range parts {
		if part != "" {
			named = append(named, strings.ToLower(part))
		}
	}
	return strings.Join(named, "__")
}

// Person is who steps log in as. Secret is asked for only where a step needs
// it.
type Person struct {
	ID     string
	Secret func() (string, error)
}

// Request is how the picture is taken, from where it begins. Issuer is what a
// relative address is below; begin is where the login begins, for its page.
func (s Shot) Request(issuer, begin string, person Person) (capture.Request, error) {
	address := begin
	if !s.Login {
		base, err := url.Parse(strings.TrimSuffix(issuer, "/") + "/")
		if err != nil {
			return capture.Request{}, fmt.Errorf("address of %s: %w", s.Name, err)
		}
		whole, err := base.Parse(strings.TrimPrefix(s.Address, "/"))
		if err != nil {
			return capture.Request{}, fmt.Errorf("address of %s: %w", s.Name, err)
		}
		address = whole.String()
	}
	request := capture.Request{
		URL: address, Element: s.page.Element, Viewport: s.page.FullPage != nil && !*s.page.FullPage,
		Masks: slices.Concat(s.page.Masks, s.state.Masks), Deadline: s.page.Timeout, View: s.View(),
	}
	for _, step := range slices.Concat(s.page.Steps, s.state.Steps) {
		value, err := step.value(person)
		if err != nil {
			return capture.Request{}, fmt.Errorf("fill in for %s: %w", s.Name, err)
		}
		request.Steps = append(request.Steps, step.step(value))
	}
	return request, nil
}

// View is how the page is seen.
func (s Shot) View() capture.View {
	view := capture.View{
		Width: s.size.Width, Height: s.size.Height, Scale: s.size.Scale, Mobile: s.size.Mobile, Scheme: s.Scheme, Locale: s.Locale,
		Timezone: s.page.Timezone, ReducedMotion: s.page.ReducedMotion, Frozen: s.page.FrozenAt,
	}
	return view.Complete()
}

// value is what a step fills in.
func (s Step) value(person Person) (string, error) {
	switch s.From {
	case FromID:
		return person.ID, nil
	case FromSecret:
		return person.Secret()
	}
	return s.Value, nil
}

// step is the step as it is taken.
func (s Step) step(value string) capture.Step {
	taken := capture.Step{Goto: s.Goto, Fill: s.Fill, Click: s.Click, Press: s.Press, Wait: s.Wait, WaitGone: s.WaitGone, WaitText: s.WaitText}
	if s.Fill != "" {
		taken.Value = value
	}
	return taken
}

// Budget is how long all pictures of a file may take, one after another.
func Budget(shots []Shot) time.Duration {
	var sum time.Duration
	for _, shot := range shots {
		sum += shot.page.Timeout
	}
	return sum
}
