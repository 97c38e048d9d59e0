package baseline

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

var (
	// ErrNone means that nobody has approved a picture of the page yet.
	ErrNone = errors.New("no approved baseline")
	// ErrDamaged is wrapped by errors about files that are not as they were
	// when they were approved.
	ErrDamaged = errors.New("baseline is damaged")
)

const (
	pictureFile       = "baseline.png"
	pageFile          = "page.json"
	accessibilityFile = "accessibility.json"
	recordFile        = "baseline.json"
	// largest file that is read: a file beyond it is none of ours.
	largest = 256 << 20
)

// Baseline is an approved picture of a page.
type Baseline struct {
	Target string `json:"target"`
	// Name of the check whose page it is.
	Name string `json:"check"`
	// URL is where the page was found, without its query.
	URL         string      `json:"url"`
	Environment Environment `json:"environment"`
	ApprovedAt  time.Time   `json:"approved_at"`
	ApprovedBy  string      `json:"approved_by"`
	// RunID is the run that took the picture.
	RunID string `json:"run_id"`
	// SHA256 of the picture's file.
	SHA256 string `json:"sha256"`
	PNG    []byte `json:"-"`
	// Page is what was on the page, and Accessibility what was found there; nil
	// where nothing is kept. PageSHA256 and AccessibilitySHA256 are of the files.
	PageSHA256          string `json:"page_sha256,omitempty"`
	AccessibilitySHA256 string `json:"accessibility_sha256,omitempty"`
	Page                []byte `json:"-"`
	Accessibility       []byte `json:"-"`
}

// part is a file beside the record, which holds its hash.
type part struct {
	name    string
	content *[]byte
	sum     *string
}

func (b *Baseline) parts() []part {
	return []part{
		{pictureFile, &b.PNG, &b.SHA256},
		{pageFile, &b.Page, &b.PageSHA256},
		{accessibilityFile, &b.Accessibility, &b.AccessibilitySHA256},
	}
}

// Store keeps baselines in <folder>/<target>/<page>.
type Store struct{ folder string }

// Open returns the store at a location: a folder, which need not exist.
func Open(location string) (*Store, error) {
	if location == "" {
		return nil, errors.New("open baselines: no location is given")
	}
	return &Store{folder: location}, nil
}

// name is what a target and a page may be called: safe as a folder.
var name = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}$`)

// Path is where the picture of a page is stored.
func (s *Store) Path(target, page string) string {
	return filepath.Join(s.folder, target, page, pictureFile)
}

// Load reads a baseline. Its error is ErrNone when there is none, and wraps
// ErrDamaged when the picture is not the one that was approved.
func (s *Store) Load(_ context.Context, target, page string) (*Baseline, error) {
	if !name.MatchString(target) || !name.MatchString(page) {
		return nil, fmt.Errorf("load baseline: %q and %q are no names of target and page", target, page)
	}
	folder := filepath.Join(s.folder, target, page)
	record, err := readBounded(filepath.Join(folder, recordFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil, ErrNone
	}
	if err != nil {
		return nil, fmt.Errorf("load baseline: %w", err)
	}
	loaded, err := decode(record)
	if err != nil {
		return nil, fmt.Errorf("load baseline: %w: %s: %w", ErrDamaged, filepath.Join(folder, recordFile), err)
	}
	if loaded.Target != target || loaded.Name != page || loaded.SHA256 == "" {
		return nil, fmt.Errorf("load baseline: %w: %s is not of %s of %s: approve it again", ErrDamaged, filepath.Join(folder, recordFile), page, target)
	}
	for _, part := range loaded.parts() {
		if *part.sum == "" {
			continue
		}
		if *part.content, err = readBounded(filepath.Join(folder, part.name)); err != nil {
			return nil, fmt.Errorf("load baseline: %w: %w", ErrDamaged, err)
		}
		if Hash(*part.content) != *part.sum {
			return nil, fmt.Errorf("load baseline: %w: %s is not what %s approved: approve it again",
				ErrDamaged, filepath.Join(folder, part.name), loaded.ApprovedBy)
		}
	}
	return loaded, nil
}

func decode(record []byte) (*Baseline, error) {
	var loaded Baseline
	decoder := json.NewDecoder(bytes.NewReader(record))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&loaded); err != nil {
		return nil, err
	}
	return &loaded, nil
}

// Save stores a baseline in place of the one before. The record is written
// last and holds the hash of the picture: after a crash between the two, Load
// finds the damage instead of comparing with the wrong picture.
func (s *Store) Save(_ context.Context, approved *Baseline) error {
	if !name.MatchString(approved.Target) || !name.MatchString(approved.Name) {
		return fmt.Errorf("save baseline: %q and %q are no names of target and page", approved.Target, approved.Name)
	}
	folder := filepath.Join(s.folder, approved.Target, approved.Name)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("save baseline: %w", err)
	}
	for _, part := range approved.parts() {
		if *part.sum = ""; *part.content == nil {
			continue
		}
		*part.sum = Hash(*part.content)
		if err := writeAtomic(filepath.Join(folder, part.name), *part.content); err != nil {
			return fmt.Errorf("save baseline: %w", err)
		}
	}
	record, err := json.MarshalIndent(approved, "", "  ")
	if err != nil {
		return fmt.Errorf("save baseline: %w", err)
	}
	if err := writeAtomic(filepath.Join(folder, recordFile), append(record, '\n')); err != nil {
		return fmt.Errorf("save baseline: %w", err)
	}
	return nil
}

// Hash identifies a picture's file.
func Hash(file []byte) string {
	sum := sha256.Sum256(file)
	return hex.EncodeToString(sum[:])
}

// writeAtomic replaces a file so that after a loss of power it is the old or
// the new one.
func writeAtomic(path string, content []byte) (err error) {
	folder := filepath.Dir(path)
	temporary, err := os.CreateTemp(folder, ".writing-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(temporary.Name()))
		}
	}()
	_, err = temporary.Write(content)
	if err == nil {
		err = temporary.Sync()
	}
	if err = errors.Join(err, temporary.Close()); err != nil {
		return err
	}
	if err = os.Rename(temporary.Name(), path); err != nil {
		return err
	}
	return syncFolder(folder)
}

// syncFolder makes the renaming itself survive.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

func readBounded(path string) (content []byte, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	content, err = io.ReadAll(io.LimitReader(file, largest+1))
	if err == nil && len(content) > largest {
		return nil, fmt.Errorf("%s is larger than %d bytes", path, largest)
	}
	return content, err
}
