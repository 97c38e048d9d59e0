package tcpcheck

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"strings"
	"time"

	"tocsin/internal/verdict"
	"tocsin/probes"
	"tocsin/probes/dial"
	"tocsin/probes/exchange"
	"tocsin/probes/journey"
)

// talk is one connection and what was said over it so far.
type talk struct {
	check *check
	run   *journey.Run

	connection net.Conn
	secured    *tls.Conn
	reader     *bufio.Reader
	expiry     time.Time
	// matched are the groups of the last expression that matched.
	matched map[string]string
	// secrets came out of files, and are never shown.
	secrets    []string
	transcript strings.Builder
}

// through goes through all of it.
func (t *talk) through(ctx context.Context) error {
	if err := t.step(ctx, "connect", func(watch *dial.Watch) (err error) {
		t.connection, err = t.check.dialer.Connect(ctx, watch)
		return err
	}); err != nil {
		return err
	}
	if prelude := dial.Prelude(t.check.cfg.StartTLS); prelude != nil {
		if err := t.step(ctx, "starttls", func(watch *dial.Watch) error {
			watch.Begin("while asking for TLS")
			return prelude(t.connection)
		}); err != nil {
			return err
		}
	}
	if t.check.cfg.Secure || t.check.cfg.StartTLS != "" {
		if err := t.secure(ctx); err != nil {
			return err
		}
	}
	t.reader = bufio.NewReader(t.connection)
	for index := range t.check.cfg.Dialogue {
		turn := &t.check.cfg.Dialogue[index]
		name := fmt.Sprintf("dialogue-%d", index+1)
		if err := t.step(ctx, name, func(watch *dial.Watch) error { return t.take(ctx, turn, watch) }); err != nil {
			return err
		}
		if turn.StartTLS {
			if err := t.secure(ctx); err != nil {
				return err
			}
			t.reader.Reset(t.connection)
		}
	}
	return nil
}

// secure goes on in TLS.
func (t *talk) secure(ctx context.Context) error {
	return t.step(ctx, "tls", func(watch *dial.Watch) error {
		if t.reader != nil && t.reader.Buffered() > 0 {
			// What comes in clear before TLS would be taken for what came in it
			// (CVE-2011-0411).
			return exchange.Brokenf(verdict.TLSHandshake, "%s says more before TLS than was asked for", t.check.cfg.Address)
		}
		secured, err := t.check.dialer.Secure(t.connection, watch)
		if err != nil {
			return err
		}
		t.connection, t.secured = secured, secured
		t.expiry = dial.Expiry(secured.ConnectionState())
		t.run.Expires(t.expiry)
		return nil
	})
}

// take makes one turn.
func (t *talk) take(ctx context.Context, turn *Turn, watch *dial.Watch) error {
	said, err := t.toSend(turn)
	if err != nil {
		return err
	}
	if said != "" {
		watch.Begin(dial.Asking)
		if _, err := io.WriteString(t.connection, said); err != nil {
			return t.refusal(err)
		}
	}
	watch.Begin(dial.Waiting)
	switch {
	case turn.Bytes > 0:
		return t.readBytes(turn, watch)
	case turn.expect != nil:
		return t.readLines(ctx, turn, watch)
	}
	return nil
}

// refusal is what the other side said before it hung up, as of a certificate
// that it wants and did not get; else that writing failed.
func (t *talk) refusal(writing error) error {
	var said *net.OpError
	if _, err := t.reader.Peek(1); errors.As(err, &said) && said.Op == "remote error" {
		return err
	}
	return writing
}

// toSend is what a turn sends.
func (t *talk) toSend(turn *Turn) (string, error) {
	if turn.SendFile == "" {
		said := substitute(turn.Send, t.matched)
		t.note(">", said)
		return said, nil
	}
	text, err := os.ReadFile(turn.SendFile)
	if err != nil {
		return "", exchange.Ownf(verdict.OwnConfig, err, "what is to be sent cannot be read: %v", err)
	}
	if len(text) == 0 {
		return "", exchange.Ownf(verdict.OwnConfig, nil, "the file %s, which is to be sent, is empty", turn.SendFile)
	}
	t.secrets = append(t.secrets, secretsOf(string(text))...)
	t.note(">", hidden)
	return string(text), nil
}

// readBytes reads a number of bytes.
func (t *talk) readBytes(turn *Turn, watch *dial.Watch) error {
	if _, err := t.reader.Peek(1); err != nil {
		return err
	}
	watch.FirstByte()
	answer := make([]byte, turn.Bytes)
	if _, err := io.ReadFull(t.reader, answer); err != nil {
		return err
	}
	watch.Done()
	t.note("<", string(answer))
	if err := t.lacks(turn, string(answer)); err != nil {
		return err
	}
	if turn.expect != nil && !t.matches(turn.expect, string(answer)) {
		return exchange.Brokenf(verdict.Assertion, "%s answers %s, which does not match %s", t.check.cfg.Address, t.quote(string(answer)), turn.Expect)
	}
	return nil
}

// Bounds of an answer in lines.
const (
	maxLines = 1000
	maxLine  = 4096
)

// readLines reads lines until one matches.
func (t *talk) readLines(ctx context.Context, turn *Turn, watch *dial.Watch) error {
	var last string
	for count := range maxLines {
		line, err := t.line(count == 0, watch)
		if err != nil {
			return t.unanswered(ctx, turn, last, count, err)
		}
		last = line
		t.note("<", line)
		if err := t.lacks(turn, line); err != nil {
			return err
		}
		if t.matches(turn.expect, line) {
			watch.Done()
			return nil
		}
	}
	return exchange.Brokenf(verdict.Assertion, "none of the %d lines that %s answers matches %s; the last is %s", maxLines, t.check.cfg.Address, turn.Expect, t.quote(last))
}

// line reads one line without its end. A connection that ends amid a line has
// sent it all the same.
func (t *talk) line(first bool, watch *dial.Watch) (string, error) {
	var line []byte
	for {
		next, err := t.reader.ReadByte()
		if err == nil && first {
			first = false
			watch.FirstByte()
		}
		switch {
		case errors.Is(err, io.EOF) && len(line) > 0, err == nil && next == '\n':
			return strings.TrimSuffix(string(line), "\r"), nil
		case err != nil:
			return "", err
		}
		if line = append(line, next); len(line) > maxLine {
			return "", exchange.Brokenf(verdict.Content, "%s sends a line of more than %d bytes", t.check.cfg.Address, maxLine)
		}
	}
}

// unanswered is the failure of a wait for a line that never came: who has
// answered something else in the meantime is not silent.
func (t *talk) unanswered(ctx context.Context, turn *Turn, last string, lines int, err error) error {
	var failure *exchange.Failure
	stopped := ctx.Err() != nil && !(errors.As(context.Cause(ctx), &failure) && failure.Reason == verdict.Timeout)
	if lines == 0 || stopped || errors.As(err, &failure) {
		return err
	}
	return exchange.Brokenf(verdict.Assertion, "nothing that %s answers matches %s; the last of %d lines is %s", t.check.cfg.Address, turn.Expect, lines, t.quote(last))
}

func (t *talk) lacks(turn *Turn, answer string) error {
	if turn.lacks != nil && turn.lacks.MatchString(answer) {
		return exchange.Brokenf(verdict.Assertion, "%s answers %s, which must not match %s", t.check.cfg.Address, t.quote(answer), turn.Lacks)
	}
	return nil
}

func (t *talk) matches(expression *regexp.Regexp, answer string) bool {
	groups := expression.FindStringSubmatch(answer)
	if groups == nil {
		return false
	}
	t.matched = named(expression, groups)
	return true
}

// close ends the connection, and leaves the transcript for the evidence.
func (t *talk) close() {
	if t.connection != nil {
		// What was to be learned from the connection is known by then.
		_ = t.connection.Close()
	}
	if t.transcript.Len() > 0 {
		result := t.run.Result()
		result.Artifacts = append(result.Artifacts, probes.Artifact{Name: "dialogue.txt", MediaType: "text/plain", Data: []byte(t.transcript.String())})
	}
}
