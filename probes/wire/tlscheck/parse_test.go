package tlscheck

import (
	"bytes"
	"crypto/tls"
	"io"
	"os/exec"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The table of suites agrees with those of Go and OpenSSL.
func TestSuitesHaveTheirNames(t *testing.T) {
	ours := map[suite]string{}
	for _, known := range suites() {
		if ours[known.id] != "" {
			t.Errorf("%04x is there twice", uint16(known.id))
		}
		ours[known.id] = known.name
	}
	for _, known := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		if ours[suite(known.ID)] != known.Name {
			t.Errorf("%04x is %q, of Go %q", known.ID, ours[suite(known.ID)], known.Name)
		}
	}
	output, err := exec.CommandContext(t.Context(), "openssl", "ciphers", "-V", "-stdname", "ALL:COMPLEMENTOFALL:@SECLEVEL=0").Output()
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]bool{}
	for _, name := range ours {
		byName[name] = true
	}
	for line := range strings.SplitSeq(strings.TrimSpace(string(output)), "\n") {
		name := strings.Fields(line)[2]
		if !byName[name] && !strings.Contains(name, "PSK") && !strings.Contains(name, "SRP") {
			t.Errorf("lacks %s of OpenSSL", name)
		}
	}
	for _, name := range []string{modern, intermediate} {
		rules, _ := policyOf(name)
		for _, s := range rules.suites {
			if ours[s] == "" || strings.Contains(ours[s], "CBC") {
				t.Errorf("%s allows %s", name, s)
			}
		}
	}
}

func TestAnswersInPieces(t *testing.T) {
	hello := append([]byte{2, 0, 0, 38, 3, 3}, make([]byte, 32)...)
	hello = append(hello, 0, 0xC0, 0x2F, 0)
	record := func(kind byte, body []byte) []byte {
		return append([]byte{kind, 3, 3, byte(len(body) >> 8), byte(len(body))}, body...)
	}
	done := []byte{14, 0, 0, 0}
	for name, tc := range map[string]struct {
		data    []byte
		suite   suite
		refused bool
		err     error
	}{
		"one record":                     {record(22, append(hello[:len(hello):len(hello)], done...)), 0xC02F, false, nil},
		"a message over two records":     {append(record(22, hello[:10]), record(22, append(hello[10:len(hello):len(hello)], done...))...), 0xC02F, false, nil},
		"a warning first":                {append(record(22, hello), record(21, []byte{1, 112})...), 0xC02F, false, nil},
		"an alert":                       {record(21, []byte{2, 40}), 0, true, nil},
		"cut off after the choice":       {record(22, hello), 0xC02F, false, nil},
		"cut off before it":              {record(22, hello)[:20], 0, false, io.ErrUnexpectedEOF},
		"nothing":                        {nil, 0, false, io.ErrUnexpectedEOF},
		"a web page":                     {[]byte("HTTP/1.1 400 Bad Request"), 0, false, errNotTLS},
		"another message than the hello": {record(22, done), 0, false, errNotTLS},
	} {
		t.Run(name, func(t *testing.T) {
			for size := range []int{1, 3, 4096} {
				got, err := readReply(&pieces{bytes.NewReader(tc.data), size + 1})
				if got.suite != tc.suite || got.refused != tc.refused || err != tc.err { //nolint:errorlint // the very value is meant
					t.Errorf("by %d: suite %s, refused %v, %v", size+1, got.suite, got.refused, err)
				}
			}
		})
	}
}

// pieces gives a few bytes at a time.
type pieces struct {
	io.Reader
	size int
}

func (p *pieces) Read(into []byte) (int, error) { return p.Reader.Read(into[:min(len(into), p.size)]) }

func TestMistakesInThePlanAreExplained(t *testing.T) {
	for name, tc := range map[string]struct {
		config    Config
		key, hint string
	}{
		"policy of old":    {Config{Policy: "old"}, "policy", "RFC 8996"},
		"unknown policy":   {Config{Policy: "best"}, "policy", "intermediate or modern"},
		"an URL":           {Config{Address: "https://id.example"}, "address", "host:port"},
		"unknown protocol": {Config{StartTLS: "ftp"}, "starttls", "smtp"},
		"unknown mode":     {Config{Revocation: "maybe"}, "revocation", "soft"},
		"two trusts":       {Config{CAFile: "x", System: true}, "system_roots", ""},
		"negative time":    {Config{ExpireIn: -1}, "expire_in", "336h"},
	} {
		t.Run(name, func(t *testing.T) {
			found := map[string]string{}
			tc.config.Check(func(key, _, hint string) { found[key] = hint })
			if hint, reported := found[tc.key]; !reported || !strings.Contains(hint, tc.hint) {
				t.Errorf("reported %v, want %s with hint %q", found, tc.key, tc.hint)
			}
		})
	}
}

func FuzzReply(f *testing.F) {
	f.Add([]byte{22, 3, 0, 0, 42, 2, 0, 0, 38, 3, 0})
	f.Add([]byte{21, 3, 3, 0, 2, 2, 40})
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := readReply(bytes.NewReader(data))
		if err == nil && !got.refused && got.version == 0 {
			t.Errorf("neither refused nor chosen: %+v", got)
		}
	})
}

func BenchmarkScan(b *testing.B) {
	root := newRoot(b, "Root")
	address := serve(b, strict(root.server(nil, nil)))
	for b.Loop() {
		if got := run(b, root.pool(), Config{Address: address}); got.Verdict != "pass" {
			b.Fatal(got.Detail)
		}
	}
}
