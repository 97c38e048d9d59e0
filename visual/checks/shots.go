package checks

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"tocsin/internal/strictyaml"
	"tocsin/visual/capture"
	"tocsin/visual/decide"
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
	// Parameters of the authorization request of the login page.
	Parameters map[string]string
	// Status that the page must have.
	Status int
	// Interval at which the page is looked at; 0 for only when asked. Attempts,
	// Accessibility and Budget are as in Rules.
	Interval      time.Duration
	Attempts      int
	Accessibility string
	Budget        decide.Budget

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
							Login: page.Login, Address: page.URL, Parameters: page.Parameters, Status: states[at].Status,
							Interval: page.Interval, Attempts: page.Attempts, Accessibility: page.Accessibility, Budget: page.budget(),
							page: page, state: &states[at], size: f.Viewports[viewport],
						})
					}
				}
			}
		}
	}
	return all
}

// Chosen are the shots with one of the names, or of a page with one, each once
// and in their order; all where no name is given. It fails with what is known
// when a name is of neither.
func Chosen(all []Shot, names []string) ([]Shot, error) {
	if len(names) == 0 {
		return all, nil
	}
	known := make([]string, 0, 2*len(all))
	for _, shot := range all {
		known = append(known, shot.Page, shot.Name)
	}
	for _, wanted := range names {
		if slices.Contains(known, wanted) {
			continue
		}
		hint := "the pages are " + strings.Join(Pages(all), ", ")
		if near := strictyaml.Nearest(wanted, known); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		return nil, fmt.Errorf("no picture and no page is called %q: %s", wanted, hint)
	}
	return slices.DeleteFunc(slices.Clone(all), func(s Shot) bool {
		return !slices.Contains(names, s.Name) && !slices.Contains(names, s.Page)
	}), nil
}

// Pages are the names of the pages of shots, in their order.
func Pages(all []Shot) []string {
	var named []string
	for _, shot := range all {
		if !slices.Contains(named, shot.Page) {
			named = append(named, shot.Page)
		}
	}
	return named
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
	taken := capture.Step{Goto: s.Goto, Follow: s.Follow, Fill: s.Fill, Click: s.Click, Press: s.Press, Wait: s.Wait, WaitGone: s.WaitGone, WaitText: s.WaitText}
	if s.Fill != "" {
		taken.Value = value
	}
	return taken
}
