package capture

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/domsnapshot"
	"github.com/chromedp/chromedp"

	"tocsin/visual/page"
)

// maxRead is how many elements a page may have to be read: a reading of more
// takes more memory than its picture.
const maxRead = 30000

// read reads what the page consists of.
func read(ctx context.Context, seen look) (*page.Page, error) {
	if seen.Elements > maxRead {
		return &page.Page{Version: page.Version, Elements: []page.Element{}, Omitted: seen.Elements}, nil
	}
	read, err := chromedp.Run(ctx, func(ctx context.Context, tab *chromedp.Target) (*page.Page, error) {
		var names []string
		for _, property := range page.Styles() {
			names = append(names, property.Name)
		}
		snapshot, err := cdp.Call(ctx, tab, domsnapshot.CaptureSnapshot, domsnapshot.CaptureSnapshotParams{ComputedStyles: names})
		if err != nil {
			return nil, err
		}
		tree, err := cdp.Call(ctx, tab, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
		if err != nil {
			return nil, err
		}
		if len(snapshot.Documents) == 0 || snapshot.Documents[0].Nodes == nil || snapshot.Documents[0].Layout == nil {
			return nil, fmt.Errorf("the browser tells nothing of it")
		}
		return newReader(snapshot, tree.Nodes, slices.Concat(seen.Masks...)).page(), nil
	})
	if err != nil {
		return nil, fmt.Errorf("read page: %w", err)
	}
	return read, nil
}

// told is what assistive technology is told of an element.
type told struct {
	role, name string
	states     []string
}

// tellable are the states that are kept, by what they are called when true.
func tellable() map[string]string {
	return map[string]string{
		"disabled": "disabled", "checked": "checked", "expanded": "expanded", "invalid": "invalid", "required": "required",
		"focused": "focused", "selected": "selected", "pressed": "pressed", "modal": "modal", "busy": "busy", "readonly": "readonly",
	}
}

// accessible is what assistive technology is told, by element.
func accessible(nodes []*accessibility.Node) map[cdp.BackendNodeID]told {
	found := map[cdp.BackendNodeID]told{}
	for _, node := range nodes {
		if node.Ignored || node.BackendDOMNodeID == 0 {
			continue
		}
		role := text(node.Role)
		if role == "none" || role == "generic" || role == "StaticText" || role == "InlineTextBox" {
			continue
		}
		one := told{role: role, name: clip(text(node.Name))}
		for _, property := range node.Properties {
			name, known := tellable()[string(property.Name)]
			if value := text(property.Value); known && value != "" && value != "false" {
				if value != "true" {
					name += "=" + value
				}
				one.states = append(one.states, name)
			}
		}
		slices.Sort(one.states)
		found[node.BackendDOMNodeID] = one
	}
	return found
}

// text is a value as text; numbers and booleans as they are written.
func text(value *accessibility.Value) string {
	if value == nil {
		return ""
	}
	var said string
	if json.Unmarshal(value.Value, &said) == nil {
		return said
	}
	return string(value.Value)
}

// clip puts a text on one line and bounds it.
func clip(text string) string {
	line := []rune(strings.Join(strings.Fields(text), " "))
	if len(line) > page.MaxText {
		return string(line[:page.MaxText]) + "…"
	}
	return string(line)
}
