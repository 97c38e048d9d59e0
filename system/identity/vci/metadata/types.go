package metadata

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"tocsin/system/identity/vci/configuration"
)

// typeDocument is the metadata of a credential type (SD-JWT VC, 6.2).
type typeDocument struct {
	Type    string        `json:"vct"`
	Name    string        `json:"name"`
	Display []typeDisplay `json:"display"`
	Claims  []typeClaim   `json:"claims"`
}

type typeDisplay struct {
	Locale string `json:"locale"`
	Name   string `json:"name"`
}

type typeClaim struct {
	Path       []string    `json:"path"`
	Display    []typeLabel `json:"display"`
	Mandatory  bool        `json:"mandatory,omitempty"`
	Disclosure string      `json:"sd"`
}

type typeLabel struct {
	Locale string `json:"locale"`
	Label  string `json:"label"`
}

// Types serves the metadata of credential types at their vct.
type Types struct{ byPath map[string][]byte }

// NewTypes renders the types of set that are under its issuer.
func NewTypes(set *configuration.Set) (*Types, error) {
	types := &Types{byPath: map[string][]byte{}}
	for _, c := range set.All() {
		path, ours := strings.CutPrefix(c.Type, set.Issuer)
		if _, twice := types.byPath[path]; c.Format != configuration.SDJWT || !ours || twice {
			continue
		}
		text, err := json.Marshal(typeOf(c))
		if err != nil {
			return nil, fmt.Errorf("render credential type: %w", err)
		}
		types.byPath[path] = text
	}
	return types, nil
}

func typeOf(c *configuration.Configuration) *typeDocument {
	d := &typeDocument{Type: c.Type, Name: c.Names["en"]}
	for _, locale := range slices.Sorted(maps.Keys(c.Names)) {
		d.Display = append(d.Display, typeDisplay{Locale: locale, Name: c.Names[locale]})
	}
	for _, one := range c.Claims {
		described := typeClaim{Path: c.Path(one), Mandatory: one.Mandatory, Disclosure: "always"}
		for _, locale := range slices.Sorted(maps.Keys(one.Names)) {
			described.Display = append(described.Display, typeLabel{Locale: locale, Label: one.Names[locale]})
		}
		d.Claims = append(d.Claims, described)
	}
	return d
}

// Paths returns where types are served.
func (t *Types) Paths() []string { return slices.Sorted(maps.Keys(t.byPath)) }

// ServeHTTP answers GET of a type.
func (t *Types) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text, known := t.byPath[r.URL.Path]
	if !known {
		http.NotFound(w, r)
		return
	}
	writeStatic(w, text)
}

func writeStatic(w http.ResponseWriter, text []byte) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", maxAge)
	w.Write(text)
}
