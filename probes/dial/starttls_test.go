package dial

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"

	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
)

// lines is a connection that only reads.
type lines struct {
	io.Reader
	io.Writer
}

func FuzzPrelude(f *testing.F) {
	f.Add([]byte("220 hello\r\n250-x\r\n250 y\r\n220 go\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		said := lines{bytes.NewReader(data), io.Discard}
		if err := converse(said, turn{"", "220 "}, turn{"STARTTLS\r\n", "220 "}); err == nil && bytes.Count(data, []byte("220 ")) < 2 {
			t.Errorf("%q is taken for an invitation", data)
		}
	})
}

func FuzzDirectory(f *testing.F) {
	f.Add([]byte("\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00"))
	f.Add([]byte("\x30\x84\x00\x00\x00\x0c"))
	f.Fuzz(func(t *testing.T, data []byte) {
		element, err := readElement(bytes.NewReader(data))
		if err == nil && !bytes.Contains(data, element.value) {
			t.Errorf("%x is read out of %x", element.value, data)
		}
	})
}

func TestADirectoryIsOnlyBelievedWhenItAgrees(t *testing.T) {
	for name, tc := range map[string]struct{ answer, want string }{
		"agrees":                  {"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00", ""},
		"agrees at length":        {"\x30\x84\x00\x00\x00\x10\x02\x01\x01\x78\x84\x00\x00\x00\x07\x0a\x01\x00\x04\x00\x04\x00", ""},
		"has no TLS":              {"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x02\x04\x00\x04\x00", "result code 02"},
		"answers another message": {"\x30\x0c\x02\x01\x02\x78\x07\x0a\x01\x00\x04\x00\x04\x00", "something else"},
		"answers a bind":          {"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00", "something else"},
		"is a mail server":        {"220 mail.example.org ESMTP Postfix, ready and waiting for you\r\n", "else than a response"},
	} {
		t.Run(name, func(t *testing.T) {
			ours, theirs := net.Pipe()
			defer ours.Close()
			go func() {
				defer theirs.Close()
				if _, err := io.ReadFull(theirs, make([]byte, 31)); err == nil {
					io.WriteString(theirs, tc.answer)
				}
			}()
			err := askDirectory(ours)
			var failure *exchange.Failure
			switch {
			case tc.want == "" && err != nil:
				t.Error(err)
			case tc.want != "" && (!errors.As(err, &failure) || failure.Reason != verdict.TLSHandshake || !bytes.Contains([]byte(failure.Detail), []byte(tc.want))):
				t.Errorf("got %v, want …%s…", err, tc.want)
			}
		})
	}
}
