package compare

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sync/errgroup"

	"tocsin/visual/pixels"
)

// ErrUnreadable is wrapped by errors about files that are not whole PNG pictures
// within the limits, or that cannot be read at all.
var ErrUnreadable = errors.New("picture cannot be read")

// Files compares two PNG files row by row, while both are decoded. Its memory is
// that of a few rows and of the marks of what changed, one bit a pixel: a picture
// of a long page is never in memory as a whole.
//
// Files that are equal to the byte are not decoded; they must be whole, though.
func Files(baseline, actual io.ReadSeeker, options Options) (*Outcome, error) {
	equal, err := sameBytes(baseline, actual)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	if equal {
		return unchangedFile(baseline, options)
	}
	first, second, err := openPair(baseline, actual)
	if err != nil {
		return nil, err
	}
	c, err := newComparison(first.Size(), second.Size(), options)
	if err != nil {
		return nil, err
	}
	p := newPace((c.outcome.Size.Y + bandRows - 1) / bandRows)
	c.a, c.b = ring(first, c), ring(second, c)
	var group errgroup.Group
	group.Go(func() error { return p.decode(0, first, &c.a, "baseline") })
	group.Go(func() error { return p.decode(1, second, &c.b, "actual picture") })
	for worker := range c.workers() {
		group.Go(func() error {
			p.judge(worker, c.workers(), c.band)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return c.finish(), nil
}

// ring is a plane that holds the latest rows of a picture that is being read.
func ring(r *pixels.Reader, c *comparison) plane {
	held := min(heldBands*bandRows, r.Size().Y)
	stride := 4 * r.Size().X
	return plane{pix: make([]byte, held*stride), stride: stride, held: held, width: c.shared.X, height: c.shared.Y}
}

func openPair(baseline, actual io.ReadSeeker) (first, second *pixels.Reader, err error) {
	if first, err = pixels.NewReader(baseline, MaxPixels); err != nil {
		return nil, nil, unreadable("baseline", err)
	}
	if second, err = pixels.NewReader(actual, MaxPixels); err != nil {
		return nil, nil, unreadable("actual picture", err)
	}
	return first, second, nil
}

func unreadable(which string, err error) error {
	return fmt.Errorf("%s: %w: %w", which, ErrUnreadable, err)
}

// unchangedFile is the outcome of comparing a whole file with itself.
func unchangedFile(file io.Reader, options Options) (*Outcome, error) {
	size, err := pixels.Verify(file, MaxPixels)
	if err != nil {
		return nil, unreadable("both pictures", err)
	}
	c, err := newComparison(size, size, options)
	if err != nil {
		return nil, err
	}
	return c.finish(), nil
}

// sameBytes reports whether two files hold the same, and leaves both at their start.
func sameBytes(a, b io.ReadSeeker) (equal bool, err error) {
	if err := errors.Join(rewind(a), rewind(b)); err != nil {
		return false, err
	}
	const piece = 32 << 10
	left, right := make([]byte, piece), make([]byte, piece)
	for equal = true; equal; {
		n, err := io.ReadFull(a, left)
		m, other := io.ReadFull(b, right)
		if err := errors.Join(unlessEnd(err), unlessEnd(other)); err != nil {
			return false, err
		}
		if equal = bytes.Equal(left[:n], right[:m]); n < piece {
			break
		}
	}
	return equal, errors.Join(rewind(a), rewind(b))
}

func rewind(file io.Seeker) error {
	_, err := file.Seek(0, io.SeekStart)
	return err
}

func unlessEnd(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}
