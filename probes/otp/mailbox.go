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

	"tocsin/internal/target"
)

// newMailbox is a mailbox on a server, in a folder or in a file.
func newMailbox(o target.OTP, find finder) kind {
	if o.IMAP.Address != "" {
		return imapServer{cfg: o.IMAP, find: find}
	}
	return localMail{path: o.Paths[0], find: find}
}

// localMail is a Maildir folder or an mbox file.
type localMail struct {
	path string
	find finder
}

func (l localMail) open(context.Context) (inbox, error) {
	if info, err := os.Stat(l.path); err == nil && info.IsDir() {
		dir := &maildir{path: l.path, find: l.find, known: map[string]bool{}}
		return dir, dir.each(func(string) error { return nil })
	}
	tail, err := newTail(l.path)
	if err != nil {
		return nil, err
	}
	return &mbox{tail: tail, find: l.find}, nil
}

// maildir is a folder with a file for each mail, in new or, once somebody has
// seen it, in cur.
type maildir struct {
	tally
	path  string
	find  finder
	known map[string]bool
}

func (m *maildir) close() error { return nil }

// each calls act for every mail that is not known yet.
func (m *maildir) each(act func(path string) error) error {
	for _, folder := range []string{"new", "cur"} {
		entries, err := os.ReadDir(filepath.Join(m.path, folder))
		if err != nil {
			return fmt.Errorf("read Maildir: %w", err)
		}
		for _, entry := range entries {
			// Moving a mail from new to cur adds flags behind a colon.
			name, _, _ := bytes.Cut([]byte(entry.Name()), []byte(":"))
			if m.known[string(name)] || entry.IsDir() {
				continue
			}
			m.known[string(name)] = true
			if err := act(filepath.Join(m.path, folder, entry.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *maildir) look(context.Context) (string, error) {
	newest := ""
	err := m.each(func(path string) error {
		raw, err := readSome(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // somebody moved or deleted it at this moment
		}
		if err != nil {
			return err
		}
		newest = m.judge(m.find, raw, newest)
		return nil
	})
	return newest, err
}

// judge returns the code of a mail, and the one before when it has none.
func (t *tally) judge(find finder, raw []byte, before string) string {
	if mail, err := readMail(raw); err == nil {
		if code := find.code(mail); code != "" {
			return code
		}
	}
	t.others++
	return before
}

func readSome(path string) (data []byte, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read mail: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	data, err = io.ReadAll(io.LimitReader(file, maxMessage))
	if err != nil {
		return nil, fmt.Errorf("read mail: %w", err)
	}
	return data, nil
}

// mbox is a file that mails are appended to, each behind a line that starts
// with "From " (RFC 4155).
type mbox struct {
	tally
	tail *tail
	find finder
	// grown is what was appended since the login began: the last mail in it
	// may not be whole yet.
	grown []byte
}

func (m *mbox) close() error { return nil }

func (m *mbox) look(context.Context) (string, error) {
	fresh, err := m.tail.read()
	if err != nil || len(fresh) == 0 {
		return "", err
	}
	m.grown = append(m.grown, fresh...)
	if surplus := len(m.grown) - 4*maxMessage; surplus > 0 {
		m.grown = m.grown[surplus:]
	}
	newest := ""
	m.others = 0
	for _, raw := range bytes.Split(append([]byte("\n"), m.grown...), []byte("\nFrom ")) {
		_, mail, found := bytes.Cut(raw, []byte("\n"))
		if found && len(mail) > 0 {
			newest = m.judge(m.find, mail, newest)
		}
	}
	return newest, nil
}
