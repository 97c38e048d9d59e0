package mockid

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"
)

// File is the content of a persons file.
type File struct {
	Persons []Person `yaml:"persons"`
	Ranges  []Range  `yaml:"ranges"`
}

// Person is one person.
type Person struct {
	IndividualID string         `yaml:"individual_id"`
	PIN          string         `yaml:"pin"`
	Email        string         `yaml:"email"`
	Phone        string         `yaml:"phone"`
	Claims       map[string]any `yaml:"claims"`
	// Portrait names a JPEG file, relative to the persons file.
	Portrait string `yaml:"portrait"`
}

// Range is Count persons with consecutive ids, of as many digits as First, and
// one PIN.
type Range struct {
	First string `yaml:"first"`
	Count int    `yaml:"count"`
	PIN   string `yaml:"pin"`
}

const (
	// maxRange bounds one range, maxID the length of an id, in bytes.
	maxRange = 100_000_000
	maxID    = 64
	minPIN   = 4
	maxPIN   = 64
	// maxClaims bounds the claims of one person as JSON, and maxPortrait a
	// photograph, in bytes: both fit into one answer.
	maxClaims   = 64 << 10
	maxPortrait = 256 << 10
)

// Parse reads a persons file, YAML or JSON; an unknown key is an error.
func Parse(text []byte) (*File, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	file := &File{}
	if err := decoder.Decode(file); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("parse persons: %w", err)
	}
	if err := decoder.Decode(&yaml.Node{}); !errors.Is(err, io.EOF) {
		return nil, errors.New("parse persons: more than one document")
	}
	if err := file.validate(); err != nil {
		return nil, fmt.Errorf("parse persons: %w", err)
	}
	return file, nil
}

func (f *File) validate() error {
	var problems []error
	seen := map[string]bool{}
	for i, p := range f.Persons {
		if err := p.validate(); err != nil {
			problems = append(problems, fmt.Errorf("persons[%d]: %w", i, err))
		}
		if seen[p.IndividualID] {
			problems = append(problems, fmt.Errorf("persons[%d]: individual_id is given twice", i))
		}
		seen[p.IndividualID] = true
	}
	for i, r := range f.Ranges {
		if err := r.validate(); err != nil {
			problems = append(problems, fmt.Errorf("ranges[%d]: %w", i, err))
		}
	}
	return errors.Join(problems...)
}

func (p *Person) validate() error {
	if p.IndividualID == "" || len(p.IndividualID) > maxID {
		return fmt.Errorf("individual_id must have 1 to %d bytes", maxID)
	}
	if err := validatePIN(p.PIN); err != nil {
		return err
	}
	dates(p.Claims)
	claims, err := json.Marshal(p.Claims)
	if err != nil {
		return fmt.Errorf("claims have no form in JSON: %w", err)
	}
	if len(claims) > maxClaims {
		return fmt.Errorf("claims have more than %d bytes", maxClaims)
	}
	return nil
}

// dates makes text again of what YAML took for a date: claims are text
// (OpenID Connect Core, 5.1, birthdate).
func dates(claims map[string]any) {
	for name, value := range claims {
		switch value := value.(type) {
		case time.Time:
			claims[name] = value.Format(time.DateOnly)
		case map[string]any:
			dates(value)
		}
	}
}

func (r *Range) validate() error {
	first, err := strconv.ParseUint(r.First, 10, 64)
	if err != nil || len(r.First) > maxID {
		return errors.New("first must be a number in quotes")
	}
	if r.Count < 1 || r.Count > maxRange {
		return fmt.Errorf("count must be 1 to %d", maxRange)
	}
	if first > math.MaxUint64-uint64(r.Count) || len(strconv.FormatUint(first+uint64(r.Count)-1, 10)) > len(r.First) {
		return errors.New("first has too few digits for count")
	}
	return validatePIN(r.PIN)
}

func validatePIN(pin string) error {
	if len(pin) < minPIN || len(pin) > maxPIN {
		return fmt.Errorf("pin must have %d to %d bytes", minPIN, maxPIN)
	}
	return nil
}

// holds reports whether id is one of the range.
func (r *Range) holds(id string) bool {
	if len(id) != len(r.First) {
		return false
	}
	for _, digit := range []byte(id) {
		if digit < '0' || digit > '9' {
			return false // ParseUint would take a sign
		}
	}
	number, err := strconv.ParseUint(id, 10, 64)
	if err != nil {
		return false
	}
	first, err := strconv.ParseUint(r.First, 10, 64)
	return err == nil && number >= first && number-first < uint64(r.Count)
}

// readPortrait reads a photograph that belongs to the persons file.
func readPortrait(personsFile, name string) ([]byte, error) {
	if !filepath.IsAbs(name) {
		name = filepath.Join(filepath.Dir(personsFile), name)
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read portrait: %w", err)
	}
	defer func() { _ = file.Close() }() // it is only read
	photograph, err := io.ReadAll(io.LimitReader(file, maxPortrait+1))
	if err != nil {
		return nil, fmt.Errorf("read portrait: %w", err)
	}
	if len(photograph) > maxPortrait || !bytes.HasPrefix(photograph, []byte{0xFF, 0xD8, 0xFF}) {
		return nil, fmt.Errorf("portrait %s is not a JPEG of at most %d bytes", name, maxPortrait)
	}
	return photograph, nil
}
