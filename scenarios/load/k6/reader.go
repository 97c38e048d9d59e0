package k6

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"tocsin/scenarios/load"
)

const (
	// maxLine bounds one line, in bytes; the scripts keep them under 16 KiB.
	maxLine = 256 << 10
	// keptWords is how many of k6's own last messages an error quotes.
	keptWords = 5
)

// reader takes k6's output apart: lines of logins, and messages of k6 itself.
type reader struct {
	observe func(load.Login)
	// abort ends the load: a script that throws measures nothing.
	abort           func()
	logins          int
	unreadable      int
	firstUnreadable error
	scriptError     error
	words           []string
}

func (r *reader) all(lines io.Reader) error {
	buffered := bufio.NewReaderSize(lines, maxLine)
	for {
		text, err := buffered.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			r.reject(fmt.Errorf("line longer than %d bytes", maxLine))
			err = skipLine(buffered)
			text = nil
		}
		if text = bytes.TrimSpace(text); len(text) > 0 {
			r.line(text)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func skipLine(buffered *bufio.Reader) error {
	for {
		_, err := buffered.ReadSlice('\n')
		if !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
}

func (r *reader) line(text []byte) {
	if !load.IsLine(text) {
		// One message per lost connection, with nothing in it that the line of
		// the login does not say better.
		if !bytes.Equal(text, []byte("Request Failed")) {
			r.words = append(r.words, string(text))
			r.words = r.words[max(len(r.words)-keptWords, 0):]
		}
		return
	}
	login, err := load.ParseLine(text)
	if errors.Is(err, load.ErrScript) {
		if r.scriptError == nil {
			r.scriptError = err
			r.abort()
		}
		return
	}
	if err != nil {
		r.reject(err)
		return
	}
	r.logins++
	r.observe(login)
}

func (r *reader) reject(err error) {
	r.unreadable++
	if r.firstUnreadable == nil {
		r.firstUnreadable = err
	}
}

func (r *reader) lastWords() string {
	if len(r.words) == 0 {
		return ""
	}
	return ": " + strings.Join(r.words, " | ")
}
