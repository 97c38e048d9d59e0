package baseline

import (
	"context"
	"errors"
	"time"
)

// ErrChanged means that somebody else decided about the page in the meantime.
var ErrChanged = errors.New("somebody else decided about the page in the meantime")

// errMoved is of a write that found another version than the one it replaces.
var errMoved = errors.New("the file is another one now")

// largest file that is read: a file beyond it is none of ours.
const largest = 256 << 20

// version names the content of a file, so that a write replaces what was read
// and nothing newer.
type version string

const (
	// absent is the version of a file that does not exist.
	absent version = ""
	// anyVersion replaces whatever is there.
	anyVersion version = "*"
)

// entry is a decision as it was added.
type entry struct {
	// where it is, for people.
	where   string
	content []byte
}

// place is where the bytes are: a folder, or a bucket of an object store. Names
// are of files below it, with slashes. A file is read and replaced as a whole.
type place interface {
	// hold keeps other processes of this machine from the folder of a page until
	// release, where the place can do so; readers share it. What holds across
	// machines are the versions.
	hold(ctx context.Context, folder string, alone bool) (release func() error, err error)
	// read returns a file of largest bytes at most, and its version. Its error
	// wraps fs.ErrNotExist only where the file is known not to be there.
	read(ctx context.Context, name string) ([]byte, version, error)
	// write replaces a file if it still is at a version, else its error is
	// errMoved. After any other error the file is the old or the new one.
	write(ctx context.Context, name string, content []byte, onlyIf version) error
	// add keeps a decision, made at a time, beside all that others add to the
	// folder of a page at the same moment.
	add(ctx context.Context, folder string, decision []byte, at time.Time) error
	// added returns every decision, the oldest first.
	added(ctx context.Context, folder string) ([]entry, error)
	// keptAs is the name under which a part of a baseline is kept.
	keptAs(part, sum string) string
	// where tells people where a file is.
	where(name string) string
}
