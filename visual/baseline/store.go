package baseline

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"time"
)

var (
	// ErrNone means that nobody has approved a picture of the page yet.
	ErrNone = errors.New("no approved baseline")
	// ErrDamaged is wrapped by errors about files that are not as they were
	// when they were approved.
	ErrDamaged = errors.New("baseline is damaged")
	// errTooLarge is of a file that is none of ours.
	errTooLarge = fmt.Errorf("larger than %d bytes", largest)
)

const (
	pictureFile       = "baseline.png"
	pageFile          = "page.json"
	accessibilityFile = "accessibility.json"
	recordFile        = "baseline.json"
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

// Store keeps baselines in <location>/<target>/<page>.
//
// What it promises to several people at once: a baseline that is read is one
// that somebody approved, whole, and never a mixture of two; and no decision is
// lost from the history. In a folder this holds for the processes of one
// machine, which wait for each other; between machines Git does the merging.
// In an object store it holds for everyone: pictures are kept under their hash
// and decisions under names of their own, none of them is ever replaced or
// removed, and the record of a page is replaced only if it still is the one that
// was read (If-Match). Where a store does not heed that, the last of two
// approvals in the same instant is the baseline, and nothing else is lost.
type Store struct{ place place }

// Open returns the store at a location: a folder, which need not exist, or
// s3://BUCKET/PREFIX in an object store. Its endpoint, region and credentials
// come from the environment variables that every tool for S3 reads:
// AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL, AWS_REGION, AWS_CA_BUNDLE,
// AWS_ACCESS_KEY_ID and so on. Nothing is asked of the network yet.
func Open(location string) (*Store, error) {
	if location == "" {
		return nil, errors.New("open baselines: no location is given")
	}
	if !inBucket(location) {
		return &Store{place: folder{root: location}}, nil
	}
	bucket, err := openBucket(location, os.Getenv)
	if err != nil {
		return nil, fmt.Errorf("open baselines: %w", err)
	}
	return &Store{place: bucket}, nil
}

// name is what a target and a page may be called: safe as a folder.
var name = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}$`)

// page is the folder of a page.
func page(target, check string) (string, error) {
	if !name.MatchString(target) || !name.MatchString(check) {
		return "", fmt.Errorf("%q and %q are no names of target and page", target, check)
	}
	return target + "/" + check, nil
}

// Where tells people where the picture of a page with a hash is: a path, or
// the s3:// URL of an object.
func (s *Store) Where(target, check, sha256 string) string {
	return s.place.where(target + "/" + check + "/" + s.place.keptAs(pictureFile, sha256))
}

// Load reads a baseline. Its error is ErrNone when there is none, and wraps
// ErrDamaged when the picture is not the one that was approved.
func (s *Store) Load(ctx context.Context, target, check string) (loaded *Baseline, err error) {
	folder, err := page(target, check)
	if err != nil {
		return nil, fmt.Errorf("load baseline: %w", err)
	}
	release, err := s.place.hold(ctx, folder, false)
	if err != nil {
		return nil, fmt.Errorf("load baseline: %w", err)
	}
	defer func() { err = errors.Join(err, release()) }()
	loaded, _, err = s.load(ctx, folder, target, check)
	if errors.Is(err, ErrNone) {
		return nil, ErrNone
	}
	if err != nil {
		return nil, fmt.Errorf("load baseline: %w", err)
	}
	return loaded, nil
}

// load returns the version of the record, too, also where it is damaged.
func (s *Store) load(ctx context.Context, folder, target, check string) (*Baseline, version, error) {
	record := folder + "/" + recordFile
	content, at, err := s.place.read(ctx, record)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, absent, ErrNone
	}
	if err != nil {
		return nil, absent, err
	}
	loaded, err := decode(content)
	if err != nil {
		return nil, at, fmt.Errorf("%w: %s: %w", ErrDamaged, s.place.where(record), err)
	}
	if loaded.Target != target || loaded.Name != check || loaded.SHA256 == "" {
		return nil, at, fmt.Errorf("%w: %s is not of %s of %s: approve it again", ErrDamaged, s.place.where(record), check, target)
	}
	for _, part := range loaded.parts() {
		if *part.sum == "" {
			continue
		}
		if *part.content, err = s.loadPart(ctx, folder, part, loaded.ApprovedBy); err != nil {
			return nil, at, err
		}
	}
	return loaded, at, nil
}

func (s *Store) loadPart(ctx context.Context, folder string, part part, approver string) ([]byte, error) {
	if !hash.MatchString(*part.sum) {
		return nil, fmt.Errorf("%w: the record of %s names no hash of its %s: approve it again", ErrDamaged, s.place.where(folder), part.name)
	}
	file := folder + "/" + s.place.keptAs(part.name, *part.sum)
	content, _, err := s.place.read(ctx, file)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errTooLarge) {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if err != nil {
		return nil, err
	}
	if Hash(content) != *part.sum {
		return nil, fmt.Errorf("%w: %s is not what %s approved: approve it again", ErrDamaged, s.place.where(file), approver)
	}
	return content, nil
}

// hash keeps a record from naming a file outside of its page.
var hash = regexp.MustCompile(`^[0-9a-f]{64}$`)

func decode(record []byte) (*Baseline, error) {
	var loaded Baseline
	decoder := json.NewDecoder(bytes.NewReader(record))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&loaded); err != nil {
		return nil, err
	}
	return &loaded, nil
}

// Hash identifies a picture's file.
func Hash(file []byte) string {
	sum := sha256.Sum256(file)
	return hex.EncodeToString(sum[:])
}
