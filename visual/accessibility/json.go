package accessibility

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"
)

// Encode writes the report as JSON, a finding a line: so that a person who looks
// at the difference of two files sees what differs.
func (r *Report) Encode() ([]byte, error) {
	head := *r
	head.Findings = nil
	encoded, err := json.Marshal(head)
	if err != nil {
		return nil, fmt.Errorf("encode accessibility report: %w", err)
	}
	before, after, found := bytes.Cut(encoded, []byte(`"findings":null`))
	if !found {
		return nil, errors.New("encode accessibility report: its findings have no place")
	}
	var out bytes.Buffer
	out.Write(before)
	out.WriteString(`"findings":[`)
	for index, finding := range r.Findings {
		line, err := json.Marshal(finding)
		if err != nil {
			return nil, fmt.Errorf("encode finding %d of accessibility report: %w", index, err)
		}
		if index > 0 {
			out.WriteByte(',')
		}
		out.WriteByte('\n')
		out.Write(line)
	}
	out.WriteString("\n]")
	out.Write(after)
	out.WriteByte('\n')
	return out.Bytes(), nil
}

// Decode reads a report that Encode wrote. It refuses what no report of this
// version is: other members, an impact that is not known, too many findings or
// too large ones.
func Decode(from io.Reader) (*Report, error) {
	encoded, err := io.ReadAll(io.LimitReader(from, MaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read accessibility report: %w", err)
	}
	if len(encoded) > MaxBytes {
		return nil, fmt.Errorf("read accessibility report: it is larger than %d bytes", MaxBytes)
	}
	decoder := json.NewDecoder(bytes.NewReader(encoded))
	decoder.DisallowUnknownFields()
	var decoded Report
	if err := decoder.Decode(&decoded); err != nil {
		return nil, fmt.Errorf("read accessibility report: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("read accessibility report: something follows its end")
	}
	if err := decoded.check(); err != nil {
		return nil, fmt.Errorf("read accessibility report: %w", err)
	}
	return &decoded, nil
}

// check says what of a report no page can have led to.
func (r *Report) check() error {
	switch {
	case r.Version != Version:
		return fmt.Errorf("its version is %d, not %d", r.Version, Version)
	case r.Engine == "" || !brief(r.Engine):
		return fmt.Errorf("its engine is %.40q", r.Engine)
	case r.Passed < 0 || r.Incomplete < 0 || r.Omitted < 0:
		return errors.New("it counts less than nothing")
	case r.Findings == nil:
		return errors.New("it has no findings, not even none")
	case len(r.Findings) > MaxFindings || len(r.Unchecked) > MaxFindings:
		return fmt.Errorf("it has more than %d findings", MaxFindings)
	case r.Unchecked != nil && len(r.Unchecked) == 0:
		return errors.New("its unchecked rules are none, which is not said")
	case !slices.IsSorted(r.Unchecked) || slices.ContainsFunc(r.Unchecked, func(rule string) bool { return rule == "" || !brief(rule) }):
		return errors.New("its unchecked rules are not sorted, or no rules")
	}
	taken := make(map[place]bool, len(r.Findings))
	for index, finding := range r.Findings {
		if err := finding.check(); err != nil {
			return fmt.Errorf("finding %d: %w", index, err)
		}
		if taken[finding.place()] {
			return fmt.Errorf("finding %d: %s is at %s twice", index, finding.Rule, finding.Path)
		}
		taken[finding.place()] = true
		if index > 0 && finding.Impact.rank() > r.Findings[index-1].Impact.rank() {
			return fmt.Errorf("finding %d is worse than the one before", index)
		}
	}
	return nil
}

func (f Finding) check() error {
	if err := f.Impact.Check(); err != nil {
		return err
	}
	for _, part := range []struct{ name, text string }{
		{"rule", f.Rule}, {"help", f.Help}, {"path", f.Path}, {"fingerprint", f.Fingerprint},
	} {
		if part.text == "" {
			return fmt.Errorf("it has no %s", part.name)
		}
	}
	for _, text := range []string{f.Rule, f.Help, f.HelpURL, f.Fingerprint, f.Summary} {
		if !brief(text) {
			return fmt.Errorf("a text has more than %d characters", MaxText)
		}
	}
	if utf8.RuneCountInString(f.Path) > MaxPath {
		return fmt.Errorf("its path has more than %d characters", MaxPath)
	}
	return nil
}

func brief(text string) bool { return utf8.RuneCountInString(text) <= MaxText }
