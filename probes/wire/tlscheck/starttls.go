package tlscheck

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"

	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
)

// preludes are the protocols that begin in clear and change to TLS when asked.
func preludes() []string { return []string{"imap", "postgres", "smtp"} }

// preludeOf returns what is said before TLS; nil where nothing is.
func preludeOf(protocol string) func(net.Conn) error {
	switch protocol {
	case "smtp": // RFC 3207
		return func(c net.Conn) error {
			return converse(c, turn{"", "220 "}, turn{"EHLO tocsin.invalid\r\n", "250 "}, turn{"STARTTLS\r\n", "220 "})
		}
	case "imap": // RFC 9051, section 6.2.1
		return func(c net.Conn) error { return converse(c, turn{"", "* OK"}, turn{"a STARTTLS\r\n", "a OK"}) }
	case "postgres": // PostgreSQL protocol, SSLRequest
		return func(c net.Conn) error {
			if _, err := c.Write([]byte{0, 0, 0, 8, 4, 210, 22, 47}); err != nil {
				return err
			}
			answer := make([]byte, 1)
			if _, err := io.ReadFull(c, answer); err != nil {
				return err
			}
			if answer[0] != 'S' {
				return exchange.Brokenf(verdict.TLSHandshake, "the database answers %q to the request for TLS", answer)
			}
			return nil
		}
	}
	return nil
}

// turn is what we say and how the last line of the answer begins.
type turn struct{ say, want string }

// converse talks line by line. It reads byte by byte, so that nothing of TLS is
// swallowed.
func converse(c io.ReadWriter, turns ...turn) error {
	lines := bufio.NewReaderSize(oneByOne{c}, 16)
	for _, next := range turns {
		if _, err := io.WriteString(c, next.say); err != nil {
			return err
		}
		for count := 0; ; count++ {
			line, err := readLine(lines)
			if err != nil {
				return err
			}
			if strings.HasPrefix(line, next.want) {
				break
			}
			// "250-" and "* " are lines before the last.
			if count > 100 || len(line) < 4 || line[3] != '-' && !strings.HasPrefix(line, "* ") {
				return exchange.Brokenf(verdict.TLSHandshake, "the server answers %q where %q was expected before TLS", line, strings.TrimSpace(next.want))
			}
		}
	}
	return nil
}

func readLine(lines *bufio.Reader) (string, error) {
	const most = 2048
	var line []byte
	for !slices.Contains(line, '\n') {
		next, err := lines.ReadByte()
		if err != nil {
			return "", err
		}
		if line = append(line, next); len(line) > most {
			return "", fmt.Errorf("%w: a line before TLS is longer than %d bytes", errNotTLS, most)
		}
	}
	return strings.TrimRight(string(line), "\r\n"), nil
}

// oneByOne reads a byte at a time.
type oneByOne struct{ io.Reader }

func (o oneByOne) Read(into []byte) (int, error) { return o.Reader.Read(into[:min(len(into), 1)]) }
