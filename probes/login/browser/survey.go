package browser

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"tocsin/probes/form"
)

//go:embed survey.js
var surveyScript string

// survey is what survey.js reports.
type survey struct {
	URL   string         `json:"url"`
	Title string         `json:"title"`
	Ready string         `json:"ready"`
	Alert string         `json:"alert"`
	Wrong string         `json:"wrong"`
	Text  int            `json:"text"`
	Forms []surveyedForm `json:"forms"`
	Links []surveyedLink `json:"links"`
}

type surveyedForm struct {
	Ref     string          `json:"ref"`
	Method  string          `json:"method"`
	Action  string          `json:"action"`
	Words   string          `json:"words"`
	Search  bool            `json:"search"`
	Inputs  []surveyedInput `json:"inputs"`
	Submits []surveyedInput `json:"submits"`
}

type surveyedInput struct {
	Ref          string `json:"ref"`
	Name         string `json:"name"`
	ID           string `json:"id"`
	Type         string `json:"type"`
	Value        string `json:"value"`
	Text         string `json:"text"`
	Checked      bool   `json:"checked"`
	Label        string `json:"label"`
	Autocomplete string `json:"autocomplete"`
	Mode         string `json:"mode"`
	MaxLength    int    `json:"maxLength"`
	ReadOnly     bool   `json:"readOnly"`
	Chosen       string `json:"chosen"`
}

type surveyedLink struct {
	Ref     string `json:"ref"`
	Text    string `json:"text"`
	Address string `json:"address"`
	Current bool   `json:"current"`
}

// signature is the same for two surveys that a person could not tell apart.
func (s survey) signature() string {
	encoded, err := json.Marshal(s)
	if err != nil {
		return fmt.Sprint(s) // a survey has no value that JSON lacks
	}
	return string(encoded)
}

// page tells what was seen as probes/form does.
func (s survey) page() (*form.Page, error) {
	address, err := url.Parse(s.URL)
	if err != nil {
		return nil, fmt.Errorf("address of the page: %w", err)
	}
	told := &form.Page{Title: s.Title, Alert: s.Alert}
	for _, seen := range s.Forms {
		told.Forms = append(told.Forms, seen.form(address))
	}
	for _, seen := range s.Links {
		link, err := url.Parse(seen.Address)
		if err != nil {
			continue // no place to go on to
		}
		told.Links = append(told.Links, form.Link{Text: seen.Text, Address: link, Current: seen.Current})
	}
	return told, nil
}

func (f surveyedForm) form(page *url.URL) form.Form {
	told := form.Form{Ref: f.Ref, Method: http.MethodGet, Action: page, Words: f.Words, Search: f.Search}
	if strings.EqualFold(f.Method, http.MethodPost) {
		told.Method = http.MethodPost
	}
	if action, err := url.Parse(f.Action); err == nil {
		told.Action = action
	}
	for _, input := range f.Inputs {
		told.Inputs = append(told.Inputs, input.input())
	}
	for _, button := range f.Submits {
		told.Submits = append(told.Submits, button.input())
	}
	return told
}

// input gives each one a name: scripts need none, and probes/form knows inputs
// by theirs.
func (i surveyedInput) input() form.Input {
	told := form.Input{
		Ref: i.Ref, Name: i.Name, Type: i.Type, Value: i.Value, ID: i.ID, Text: i.Text, Checked: i.Checked, Label: i.Label,
		Autocomplete: i.Autocomplete, Mode: i.Mode, MaxLength: i.MaxLength, ReadOnly: i.ReadOnly,
	}
	switch i.Chosen {
	case "id":
		told.Name = chosenID
	case "secret":
		told.Name = chosenSecret
	case "code":
		told.Name = chosenCode
	}
	if told.Name == "" && told.Type != "submit" {
		told.Name = "tocsin:" + i.Ref
		if i.ID != "" {
			told.Name = i.ID + ":" + i.Ref
		}
	}
	return told
}

// newWorld makes a world of ours in the page: scripts that run in it see the
// document, and those of the page do not see them.
func newWorld(ctx context.Context) (runtime.ExecutionContextID, error) {
	return chromedp.Run(ctx, func(ctx context.Context, tab *chromedp.Target) (runtime.ExecutionContextID, error) {
		tree, err := cdp.Call(ctx, tab, page.GetFrameTree, cdp.Empty{})
		if err != nil {
			return 0, fmt.Errorf("find page: %w", err)
		}
		world, err := cdp.Call(ctx, tab, page.CreateIsolatedWorld, page.CreateIsolatedWorldParams{FrameID: tree.FrameTree.Frame.ID, WorldName: "tocsin"})
		if err != nil {
			return 0, fmt.Errorf("make world in page: %w", err)
		}
		return world.ExecutionContextID, nil
	})
}

// inWorld calls a function in a world of ours.
func inWorld[T any](ctx context.Context, world runtime.ExecutionContextID, function string, arguments ...any) (T, error) {
	if arguments == nil {
		arguments = []any{}
	}
	encoded, err := json.Marshal(arguments)
	if err != nil {
		var none T
		return none, fmt.Errorf("encode arguments: %w", err)
	}
	call := fmt.Sprintf("(%s)(...%s)", strings.TrimRight(strings.TrimSpace(function), ";"), encoded)
	return chromedp.Run(ctx, chromedp.Evaluate[T](call, func(p *runtime.EvaluateParams) {
		wait := true
		p.ContextID, p.AwaitPromise = world, &wait
	}))
}
