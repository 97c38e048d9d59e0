package sdjwt

import "fmt"

// unpacker puts disclosures where their digests are (RFC 9901, 7.1, 3).
type unpacker struct {
	byDigest map[string]*disclosure
	seen     map[string]bool
}

// find returns the disclosure of a digest, or nil when it is not disclosed.
func (u *unpacker) find(digest any, element bool, depth int) (*disclosure, error) {
	text, isText := digest.(string)
	if !isText {
		return nil, fmt.Errorf("%w: digest is not a string", ErrInvalid)
	}
	if u.seen[text] { // RFC 9901, 7.1, 4
		return nil, fmt.Errorf("%w: a digest is there twice", ErrInvalid)
	}
	u.seen[text] = true
	d, disclosed := u.byDigest[text]
	if !disclosed {
		return nil, nil
	}
	if d.element != element {
		return nil, fmt.Errorf("%w: disclosure is of the wrong kind", ErrInvalid)
	}
	d.used, d.depth = true, depth
	return d, nil
}

func (u *unpacker) value(value any, depth int) (any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("%w: nested too deeply", ErrInvalid)
	}
	switch value := value.(type) {
	case map[string]any:
		return u.object(value, depth)
	case []any:
		return u.array(value, depth)
	}
	return value, nil
}

func (u *unpacker) object(object map[string]any, depth int) (map[string]any, error) {
	opened := make(map[string]any, len(object))
	for name, value := range object {
		if name == "_sd" {
			continue
		}
		if name == "..." {
			return nil, fmt.Errorf("%w: a claim has the name of a hidden element", ErrInvalid)
		}
		inner, err := u.value(value, depth+1)
		if err != nil {
			return nil, err
		}
		opened[name] = inner
	}
	digests, present := object["_sd"]
	if !present {
		return opened, nil
	}
	list, isList := digests.([]any)
	if !isList {
		return nil, fmt.Errorf("%w: _sd is not an array", ErrInvalid)
	}
	for _, digest := range list {
		d, err := u.find(digest, false, depth)
		if err != nil {
			return nil, err
		}
		if d == nil {
			continue
		}
		if _, taken := opened[d.name]; taken { // RFC 9901, 7.1, 3.c.ii.4
			return nil, fmt.Errorf("%w: claim %.40q is there twice", ErrInvalid, d.name)
		}
		if opened[d.name], err = u.value(d.value, depth+1); err != nil {
			return nil, err
		}
	}
	return opened, nil
}

func (u *unpacker) array(array []any, depth int) ([]any, error) {
	opened := make([]any, 0, len(array))
	for _, element := range array {
		object, isObject := element.(map[string]any)
		digest, hidden := object["..."]
		if isObject && hidden {
			if len(object) != 1 {
				return nil, fmt.Errorf("%w: a hidden element has more than its digest", ErrInvalid)
			}
			d, err := u.find(digest, true, depth)
			if err != nil {
				return nil, err
			}
			if d == nil {
				continue
			}
			element = d.value
		}
		value, err := u.value(element, depth+1)
		if err != nil {
			return nil, err
		}
		opened = append(opened, value)
	}
	return opened, nil
}
