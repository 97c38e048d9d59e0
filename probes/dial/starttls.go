package dial

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"slices"
	"strings"

	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
)

// Preludes are the protocols that begin in clear and change to TLS when asked.
func Preludes() []string { return []string{"imap", "ldap", "postgres", "smtp"} }

// Prelude returns what is said in a protocol before TLS; nil where nothing is.
func Prelude(protocol string) func(net.Conn) error {
	switch protocol {
	case "smtp": // RFC 3207
		return func(c net.Conn) error {
			return converse(c, turn{"", "220 "}, turn{"EHLO tocsin.invalid\r\n", "250 "}, turn{"STARTTLS\r\n", "220 "})
		}
	case "imap": // RFC 9051, section 6.2.1
		return func(c net.Conn) error { return converse(c, turn{"", "* OK"}, turn{"a STARTTLS\r\n", "a OK"}) }
	case "ldap":
		return askDirectory
	case "postgres":
		return askDatabase
	}
	return nil
}

// askDatabase sends PostgreSQL's SSLRequest.
func askDatabase(c net.Conn) error {
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

// askDirectory sends the StartTLS of LDAP (RFC 4511, section 4.14): the first
// message, an extended request of that name.
func askDirectory(c net.Conn) error {
	if _, err := io.WriteString(c, "\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037"); err != nil {
		return err
	}
	message, err := readElement(c)
	if err != nil {
		return err
	}
	// The first message, an extended response (application 24), and in it a
	// result code.
	inside := bytes.NewReader(message.value)
	id, idErr := readElement(inside)
	response, responseErr := readElement(inside)
	code, codeErr := readElement(bytes.NewReader(response.value))
	if errors.Join(idErr, responseErr, codeErr) != nil || message.tag != 0x30 || !id.is(0x02, 1) || response.tag != 0x78 || code.tag != 0x0a {
		return exchange.Brokenf(verdict.TLSHandshake, "the directory answers the request for TLS with something else than a response to it")
	}
	if !code.is(0x0a, 0) {
		return exchange.Brokenf(verdict.TLSHandshake, "the directory refuses the request for TLS with the result code %x", code.value)
	}
	return nil
}

// element is one of BER (X.690). DER would not do: Active Directory writes
// every length with four bytes.
type element struct {
	tag   byte
	value []byte
}

func (e element) is(tag, value byte) bool {
	return e.tag == tag && len(e.value) == 1 && e.value[0] == value
}

// readElement reads one element and nothing of TLS behind it.
func readElement(from io.Reader) (element, error) {
	const most = 4096
	head := make([]byte, 2)
	if _, err := io.ReadFull(from, head); err != nil {
		return element{}, err
	}
	length := int(head[1])
	if count := length - 0x80; count >= 0 {
		if count == 0 || count > 4 {
			return element{}, errNotDirectory()
		}
		more := make([]byte, count)
		if _, err := io.ReadFull(from, more); err != nil {
			return element{}, err
		}
		length = 0
		for _, next := range more {
			length = length<<8 | int(next)
		}
	}
	if length > most {
		return element{}, errNotDirectory()
	}
	value := make([]byte, length)
	_, err := io.ReadFull(from, value)
	return element{head[0], value}, err
}

func errNotDirectory() error {
	return exchange.Brokenf(verdict.TLSHandshake, "the directory answers the request for TLS with something that is no message of LDAP")
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
			return "", exchange.Brokenf(verdict.TLSHandshake, "the server sends a line of more than %d bytes before TLS", most)
		}
	}
	return strings.TrimRight(string(line), "\r\n"), nil
}

// oneByOne reads a byte at a time.
type oneByOne struct{ io.Reader }

func (o oneByOne) Read(into []byte) (int, error) { return o.Reader.Read(into[:min(len(into), 1)]) }
