package claim

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"
)

const (
	// maxRequest bounds the claims parameter, in bytes.
	maxRequest = 4096
	// maxMembers bounds each of its two members, and the values of one claim.
	maxMembers = 64
	// maxDepth is what {"userinfo":{"c":{"values":[{"k":0}]}}} needs, and one more.
	maxDepth = 6
)

// ErrRequest means that the claims parameter breaks OpenID Connect Core 5.5.
var ErrRequest = errors.New("claims parameter")

// Wish is one claim that the client asks for by name.
type Wish struct {
	Name      string `json:"n"`
	Essential bool   `json:"e,omitempty"`
}

// Request is the claims parameter, reduced to what this provider acts on: wishes
// for claims it does not know are dropped (OpenID Connect Core, 5.5.1, lets it),
// and so are values of claims about the person.
type Request struct {
	Userinfo []Wish `json:"u,omitempty"`
	IDToken  []Wish `json:"i,omitempty"`
	// Subject is the value that sub must have.
	Subject string `json:"s,omitempty"`
	// ACRs are those asked for as a claim; without one of them an essential
	// request fails (OpenID Connect Core, 5.5.1.1).
	ACRs         []string `json:"a,omitempty"`
	EssentialACR bool     `json:"ae,omitempty"`
	AuthTime     bool     `json:"t,omitempty"`
	// Only are the claims that the client is registered for; none means all.
	Only []string `json:"o,omitempty"`
}

// IDTokenNames returns the claims that the client wants in the ID token.
func (r Request) IDTokenNames() []string {
	names := make([]string, 0, len(r.IDToken))
	for _, wish := range r.IDToken {
		names = append(names, wish.Name)
	}
	return names
}

// AtUserinfo returns the request without the claims that are wanted in the ID
// token only: who asks for them there does not get them elsewhere too (OpenID
// Connect Core, 5.5).
func (r Request) AtUserinfo() Request {
	r.IDToken = nil
	return r
}

// permits reports whether the client may ask for the claim at all.
func (r Request) permits(name string) bool {
	return len(r.Only) == 0 || slices.Contains(r.Only, name)
}

func (r Request) wants(name string) bool {
	is := func(wish Wish) bool { return wish.Name == name }
	return slices.ContainsFunc(r.Userinfo, is) || slices.ContainsFunc(r.IDToken, is)
}

func (r Request) essential(name string) bool {
	is := func(wish Wish) bool { return wish.Name == name && wish.Essential }
	return slices.ContainsFunc(r.Userinfo, is) || slices.ContainsFunc(r.IDToken, is)
}

// member is the request for one claim; null asks for it in the default manner.
type member struct {
	Essential bool              `json:"essential"`
	Value     json.RawMessage   `json:"value"`
	Values    []json.RawMessage `json:"values"`
}

// ParseRequest reads the claims parameter; "" is an empty request. It fails
// with ErrRequest.
func ParseRequest(text string) (Request, error) {
	if text == "" {
		return Request{}, nil
	}
	if len(text) > maxRequest || !utf8.ValidString(text) || tooDeep(text) {
		return Request{}, fmt.Errorf("%w is too large or not text", ErrRequest)
	}
	var raw struct {
		Userinfo map[string]*member `json:"userinfo"`
		IDToken  map[string]*member `json:"id_token"`
	}
	if err := json.Unmarshal([]byte(text), &raw); err != nil {
		return Request{}, fmt.Errorf("%w is not an object of claim requests", ErrRequest)
	}
	if len(raw.Userinfo) > maxMembers || len(raw.IDToken) > maxMembers {
		return Request{}, fmt.Errorf("%w asks for more than %d claims", ErrRequest, maxMembers)
	}
	request := Request{Userinfo: wishes(raw.Userinfo), IDToken: wishes(raw.IDToken)}
	for _, members := range []map[string]*member{raw.Userinfo, raw.IDToken} {
		if err := request.subject(members["sub"]); err != nil {
			return Request{}, err
		}
	}
	_, request.AuthTime = raw.IDToken["auth_time"]
	if err := request.acr(raw.IDToken["acr"]); err != nil {
		return Request{}, err
	}
	return request, nil
}

// wishes returns the known claims of members, in one order whatever the
// client's was.
func wishes(members map[string]*member) []Wish {
	var known []Wish
	for name, asked := range members {
		if supported(name) {
			known = append(known, Wish{Name: name, Essential: asked != nil && asked.Essential})
		}
	}
	slices.SortFunc(known, func(a, b Wish) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return known
}

// subject takes the value that sub must have. Both members may name one, and
// then the same.
func (r *Request) subject(asked *member) error {
	if asked == nil || asked.Value == nil {
		return nil
	}
	var value string
	if err := json.Unmarshal(asked.Value, &value); err != nil || value == "" || len(value) > 255 {
		return fmt.Errorf("%w: the value of sub is not a subject", ErrRequest)
	}
	if r.Subject != "" && r.Subject != value {
		return fmt.Errorf("%w asks for two values of sub", ErrRequest)
	}
	r.Subject = value
	return nil
}

func (r *Request) acr(asked *member) error {
	if asked == nil {
		return nil
	}
	values := asked.Values
	if asked.Value != nil {
		values = append([]json.RawMessage{asked.Value}, values...)
	}
	if len(values) > maxMembers {
		return fmt.Errorf("%w has more than %d values of acr", ErrRequest, maxMembers)
	}
	for _, raw := range values {
		var value string
		if err := json.Unmarshal(raw, &value); err != nil {
			return fmt.Errorf("%w: a value of acr is not a string", ErrRequest)
		}
		r.ACRs = append(r.ACRs, value)
	}
	// Essential without values asks for any acr, which every ID token has.
	r.EssentialACR = asked.Essential && len(r.ACRs) > 0
	return nil
}

// tooDeep reports whether JSON text nests further than any claim request does.
func tooDeep(text string) bool {
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > maxDepth {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}
