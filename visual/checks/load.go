package checks

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"tocsin/internal/strictyaml"
	"tocsin/visual/capture"
)

// maxShots bounds the pictures of one file: each takes about two seconds.
// maxName is how long a name may be that becomes one of a folder.
const (
	maxShots = 2000
	maxName  = 64
)

// name is what a page or a state may be called: it becomes part of the name of
// a folder.
var name = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,30}$`)

// locale is a BCP 47 tag, as far as people write them.
var locale = regexp.MustCompile(`^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$`)

// Load reads and checks a file. All that is wrong is reported at once, each
// finding an *strictyaml.Error.
func Load(path string) (*File, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read visual checks: %w", err)
	}
	return Parse(path, data)
}

// Parse reads a file whose name is only for its findings.
func Parse(path string, data []byte) (*File, error) {
	var file File
	document, err := strictyaml.Parse(path, data, &file)
	if err != nil {
		return nil, err
	}
	check := checker{file: &file}
	var problems []error
	check.report = func(key, problem, hint string) { problems = append(problems, document.Problem(key, problem, hint)) }
	check.all()
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return &file, nil
}

// checker finds what is wrong with a file, and fills in what was left out.
type checker struct {
	file   *File
	report func(key, problem, hint string)
}

func (c *checker) all() {
	f := c.file
	if f.Version != version {
		c.report("version", fmt.Sprintf("version %d is not supported", f.Version), fmt.Sprintf("write version: %d", version))
	}
	if f.Viewports == nil {
		f.Viewports = map[string]Viewport{}
	}
	for called, viewport := range f.Viewports {
		view := capture.View{Width: viewport.Width, Height: viewport.Height, Scale: viewport.Scale, Mobile: viewport.Mobile}
		if err := view.Check(); err != nil {
			c.report("viewports."+called, err.Error(), "")
		}
		if !name.MatchString(called) {
			c.report("viewports."+called, "is no name", "write small letters, digits and -")
		}
	}
	for called, viewport := range known() {
		if _, own := f.Viewports[called]; !own {
			f.Viewports[called] = viewport
		}
	}
	f.Defaults.Looks.fill(Looks{Viewports: []string{"desktop"}, Schemes: []string{capture.Light}, Locales: []string{capture.Locale}})
	c.looks("defaults", f.Defaults.Looks)
	f.Defaults.Rules.fill(usual())
	c.rules("defaults.", f.Defaults.Rules)
	if len(f.Pages) == 0 {
		c.report("pages", "is empty: nothing would be looked at", "write at least one page")
	}
	seen := map[string]bool{}
	for index := range f.Pages {
		key := fmt.Sprintf("pages[%d]", index)
		c.page(key, &f.Pages[index])
		c.unique(key+".name", f.Pages[index].Name, seen)
	}
	// Counted before they are made: a small file can ask for any number.
	if count := f.count(); count > maxShots {
		c.report("pages", fmt.Sprintf("are %d pictures, more than %d", count, maxShots), "leave some combinations out")
		return
	}
	for _, shot := range f.Shots() {
		if len(shot.Name) > maxName {
			c.report("pages", fmt.Sprintf("the picture %s has more than %d letters in its name", shot.Name, maxName), "give page, state or viewport a shorter one")
		}
	}
}

// count is how many pictures the file asks for.
func (f *File) count() int {
	count := 0
	for _, page := range f.Pages {
		count += max(1, len(page.States)) * len(page.Looks.Viewports) * len(page.Looks.Schemes) * len(page.Looks.Locales)
		if count > maxShots*maxShots {
			break
		}
	}
	return count
}

// unique wants a name that nothing else of its kind has.
func (c *checker) unique(key, called string, seen map[string]bool) {
	switch {
	case !name.MatchString(called):
		c.report(key, fmt.Sprintf("%q is no name", called), "write small letters, digits and -, at most 31")
	case seen[called]:
		c.report(key, fmt.Sprintf("%q is there twice", called), "")
	}
	seen[called] = true
}

func (l *Looks) fill(from Looks) {
	if len(l.Viewports) == 0 {
		l.Viewports = from.Viewports
	}
	if len(l.Schemes) == 0 {
		l.Schemes = from.Schemes
	}
	if len(l.Locales) == 0 {
		l.Locales = from.Locales
	}
}

func (c *checker) looks(key string, looks Looks) {
	viewports := slices.Sorted(maps.Keys(c.file.Viewports))
	for index, called := range looks.Viewports {
		c.oneOf(fmt.Sprintf("%s.viewports[%d]", key, index), called, viewports)
	}
	for index, scheme := range looks.Schemes {
		c.oneOf(fmt.Sprintf("%s.schemes[%d]", key, index), scheme, []string{capture.Light, capture.Dark})
	}
	for index, tag := range looks.Locales {
		if !locale.MatchString(tag) {
			c.report(fmt.Sprintf("%s.locales[%d]", key, index), fmt.Sprintf("%q is no locale", tag), "write it like en-US or ar")
		}
	}
	for part, values := range map[string][]string{"viewports": looks.Viewports, "schemes": looks.Schemes, "locales": looks.Locales} {
		if sorted := slices.Sorted(slices.Values(values)); len(slices.Compact(sorted)) != len(values) {
			c.report(key+"."+part, "has something twice", "")
		}
	}
}

func (c *checker) page(key string, p *Page) {
	switch {
	case p.Login == (p.URL != ""):
		c.report(key+".url", "is missing, or there is login: true, too", "a page has a url, or is the login page")
	case p.URL != "":
		address, err := url.Parse(p.URL)
		if err != nil || address.Scheme == "" && !strings.HasPrefix(p.URL, "/") || address.Scheme != "" && address.Scheme != "https" && address.Scheme != "http" {
			c.report(key+".url", fmt.Sprintf("%q is no address", p.URL), "write it like https://id.example.org/page, or /page below the issuer")
		}
	}
	if p.Status == 0 {
		p.Status = 200
	}
	if p.Timeout == 0 {
		p.Timeout = capture.DefaultDeadline
	}
	if p.Timeout < time.Second || p.Timeout > 5*time.Minute {
		c.report(key+".timeout", fmt.Sprintf("%s is not between 1s and 5m", p.Timeout), "")
	}
	if err := (capture.View{Timezone: p.Timezone}).Check(); err != nil {
		c.report(key+".timezone", err.Error(), "write it like Europe/Oslo")
	}
	c.status(key+".status", p.Status)
	if p.Element != "" && p.FullPage != nil {
		c.report(key+".full_page", "is for the page, and element is there, too", "leave one out")
	}
	if !p.Login && len(p.Parameters) > 0 {
		c.report(key+".parameters", "are for an authorization request, and the page is at an address", "write them into url, or write login: true instead of url")
	}
	p.Looks.fill(c.file.Defaults.Looks)
	c.looks(key+".looks", p.Looks)
	p.Rules.fill(c.file.Defaults.Rules)
	c.rules(key+".", p.Rules)
	c.pace(key, p)
	c.steps(key+".steps", p.Steps)
	seen := map[string]bool{}
	for index := range p.States {
		state := &p.States[index]
		at := fmt.Sprintf("%s.states[%d]", key, index)
		c.unique(at+".name", state.Name, seen)
		c.steps(at+".steps", state.Steps)
		if state.Status == 0 {
			state.Status = p.Status
		}
		c.status(at+".status", state.Status)
	}
}

// oneOf wants a word that is known.
func (c *checker) oneOf(key, word string, known []string) {
	if !slices.Contains(known, word) {
		c.report(key, fmt.Sprintf("%q is not known", word), "choose from "+strings.Join(known, ", "))
	}
}

func (c *checker) status(key string, status int) {
	if status < 200 || status > 599 {
		c.report(key, fmt.Sprintf("%d is no status of a page", status), "")
	}
}

func (c *checker) steps(key string, steps []Step) {
	for index, step := range steps {
		at := fmt.Sprintf("%s[%d]", key, index)
		if err := step.step("x").Check(); err != nil {
			c.report(at, err.Error(), "write one of goto, follow, fill, click, press, wait, wait_gone, wait_text")
		}
		switch {
		case step.Fill != "" && (step.Value == "") == (step.From == ""):
			c.report(at+".fill", "needs either value or from", "write value: TEXT, or from: individual_id")
		case step.From != "" && step.From != FromID && step.From != FromSecret:
			c.report(at+".from", fmt.Sprintf("%q is not known", step.From), "choose from individual_id, secret")
		case step.From != "" && step.Fill == "":
			c.report(at+".from", "is for fill only", "")
		}
	}
}
