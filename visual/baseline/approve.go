package baseline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// Approve adds a decision to the history of a page and makes a baseline of what
// it approves. The decision names in Replaced the baseline that its person saw:
// the error is ErrChanged, and nothing happened, where another one has been
// approved since. A damaged baseline may be replaced without being named.
//
// In an object store, two approvals that meet in the same instant may both get
// into the history; the error of the one that did not become the baseline wraps
// ErrChanged, too, and says so.
func (s *Store) Approve(ctx context.Context, approved *Baseline, d Decision) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("approve baseline: %w", err)
		}
	}()
	folder, err := page(approved.Target, approved.Name)
	if err != nil {
		return err
	}
	if err := approves(approved, d); err != nil {
		return err
	}
	release, err := s.place.hold(ctx, folder, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	before, at, err := s.load(ctx, folder, approved.Target, approved.Name)
	switch {
	case errors.Is(err, ErrNone), errors.Is(err, ErrDamaged):
	case err != nil:
		return err
	case before.SHA256 != d.Replaced:
		return fmt.Errorf("%w: %s approved picture %.12s: look at it and approve again", ErrChanged, before.ApprovedBy, before.SHA256)
	}
	return s.save(ctx, folder, at, approved, d)
}

// approves holds a decision against what it claims to approve.
func approves(approved *Baseline, d Decision) error {
	if err := d.check(); err != nil {
		return err
	}
	if d.Action != Approved {
		return fmt.Errorf("a picture that was %s is no baseline", d.Action)
	}
	if sum := Hash(approved.PNG); d.SHA256 != sum {
		return fmt.Errorf("the decision is about picture %.12s, not about %.12s", d.SHA256, sum)
	}
	return nil
}

// save writes the record last, and it holds the hashes of the other files:
// after a crash before it, Load finds the baseline before, or in a folder,
// where its picture has been replaced already, that it is damaged; never the
// wrong picture. The history is written before the record: a baseline that
// nobody decided about is worse than a decision that did not come about.
func (s *Store) save(ctx context.Context, folder string, before version, approved *Baseline, d Decision) error {
	for _, part := range approved.parts() {
		if *part.sum = ""; *part.content == nil {
			continue
		}
		*part.sum = Hash(*part.content)
		if err := s.place.write(ctx, folder+"/"+s.place.keptAs(part.name, *part.sum), *part.content, anyVersion); err != nil {
			return err
		}
	}
	record, err := json.MarshalIndent(approved, "", "  ")
	if err != nil {
		return err
	}
	if err := s.add(ctx, folder, d); err != nil {
		return err
	}
	err = s.place.write(ctx, folder+"/"+recordFile, append(record, '\n'), before)
	if errors.Is(err, errMoved) {
		return fmt.Errorf("%w, and theirs is the baseline; this decision is in the history all the same: look at the page and decide again", ErrChanged)
	}
	if err != nil {
		return fmt.Errorf("the decision is in the history, but the baseline could not be replaced: %w", err)
	}
	return nil
}
