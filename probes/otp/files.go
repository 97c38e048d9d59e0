package otp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// files are those that messages are appended to, one a line.
type files struct {
	paths []string
	find  finder
}

func (f files) open(context.Context) (inbox, error) {
	opened := &lines{find: f.find}
	for _, path := range f.paths {
		tail, err := newTail(path)
		if err != nil {
			return nil, err
		}
		opened.tails = append(opened.tails, tail)
	}
	return opened, nil
}

type lines struct {
	tally
	find  finder
	tails []*tail
}

func (l *lines) close() error { return nil }

// look takes the newest line of each file first: an older code is void.
func (l *lines) look(context.Context) (string, error) {
	newest := ""
	for _, tail := range l.tails {
		fresh, err := tail.read()
		if err != nil {
			return "", err
		}
		for line := range bytes.Lines(fresh) {
			if code := l.find.code(message{body: string(line)}); code != "" {
				newest = code
			} else {
				l.others++
			}
		}
	}
	return newest, nil
}

// tail reads what is appended to a file. The file need not be there yet, but
// its folder must.
type tail struct {
	path   string
	offset int64
	before fs.FileInfo
}

func newTail(path string) (*tail, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, err := os.Stat(filepath.Dir(path)); err != nil {
			return nil, fmt.Errorf("folder of messages: %w", err)
		}
		return &tail{path: path}, nil
	case err != nil:
		return nil, fmt.Errorf("file of messages: %w", err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("file of messages: %s is not a file", path)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("file of messages: %w", err)
	}
	return &tail{path: path, offset: info.Size(), before: info}, file.Close()
}

// read returns the whole lines that were appended since, as many as fit into
// one message. A file that was replaced or cut is read from its start.
func (t *tail) read() (fresh []byte, err error) {
	file, err := os.Open(t.path)
	if errors.Is(err, fs.ErrNotExist) && t.before == nil {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read messages: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("read messages: %w", err)
	}
	if t.before != nil && !os.SameFile(t.before, info) || info.Size() < t.offset {
		t.offset = 0
	}
	t.before = info
	data, err := io.ReadAll(io.NewSectionReader(file, t.offset, maxMessage))
	if err != nil {
		return nil, fmt.Errorf("read messages: %w", err)
	}
	whole := bytes.LastIndexByte(data, '\n') + 1
	if len(data) == maxMessage && whole == 0 {
		whole = len(data) // a line longer than any message is no message
	}
	t.offset += int64(whole)
	return data[:whole], nil
}
