package tcpcheck_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tocsin/internal/strictyaml/yamltest"
	"tocsin/internal/verdict"
	"tocsin/probes"
	"tocsin/probes/dial/dialtest"
	"tocsin/probes/journey"
	tcpcheck "tocsin/probes/tcp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// run makes one run of one attempt with a time limit.
func run(t testing.TB, text string, limit time.Duration) probes.Result {
	t.Helper()
	cfg, problems := yamltest.Read[tcpcheck.Config](t, text)
	if problems != nil {
		t.Fatal(problems)
	}
	cfg.Attempts = 1
	// The clock of the machine that tests run on need not be kept.
	probe, err := tcpcheck.New(journey.Config{Target: "lab", AttemptTimeout: limit, ClockSynchronised: func() bool { return true }}, "port", cfg)
	if err != nil {
		t.Fatal(err)
	}
	return probe.Run(t.Context())
}

// script says and awaits in turn: "> " is said, "< " awaited.
func script(t testing.TB, turns ...string) func(net.Conn) {
	return func(c net.Conn) {
		for _, turn := range turns {
			text := turn[2:]
			if strings.HasPrefix(turn, "> ") {
				if _, err := io.WriteString(c, text); err != nil {
					return
				}
				continue
			}
			heard := make([]byte, len(text))
			if _, err := io.ReadFull(c, heard); err != nil {
				return
			}
			if string(heard) != text {
				t.Errorf("the probe says %q, not %q", heard, text)
			}
		}
	}
}

func both(first, then func(net.Conn)) func(net.Conn) {
	return func(c net.Conn) { first(c); then(c) }
}

func TestEachWayToBreakHasItsReason(t *testing.T) {
	hello := `dialogue: [{expect: "^220 "}]`
	ask := `dialogue: [{send: "PING\r\n", expect: "^\\+PONG$"}]`
	fixed := `dialogue: [{send: "ab", bytes: 4, expect: "^good$"}]`
	for name, tc := range map[string]struct {
		address, more string
		reason        verdict.Reason
		step          string
		detail        string
	}{
		"somebody accepts":        {dialtest.Serve(t, dialtest.Hang), ``, verdict.OK, "", ""},
		"nobody listens":          {dialtest.Refused(t), ``, verdict.Refused, "connect", "nothing listens"},
		"a name that is not":      {"no-such-host.invalid:25", ``, verdict.DNS, "connect", "no-such-host.invalid"},
		"a greeting":              {dialtest.Serve(t, script(t, "> 220 mail\r\n")), hello, verdict.OK, "", ""},
		"a greeting below others": {dialtest.Serve(t, script(t, "> 100 wait\r\n220 mail\r\n")), hello, verdict.OK, "", ""},
		"a greeting without end":  {dialtest.Serve(t, script(t, "> 220 mail")), hello, verdict.OK, "", ""},
		"no greeting":             {dialtest.Serve(t, dialtest.Hang), hello, verdict.Timeout, "dialogue-1", "waiting for the answer"},
		"another greeting":        {dialtest.Serve(t, both(script(t, "> 554 no\r\n"), dialtest.Hang)), hello, verdict.Assertion, "dialogue-1", `the last of 1 lines is "554 no"`},
		"another, and closed":     {dialtest.Serve(t, script(t, "> 554 no\r\n")), hello, verdict.Assertion, "dialogue-1", `"554 no"`},
		"one that must not be": {dialtest.Serve(t, both(script(t, "> 554 no\r\n"), dialtest.Hang)), `dialogue: [{expect: "^220 ", lacks: "^5"}]`,
			verdict.Assertion, "dialogue-1", "must not match ^5"},
		"closed without a word":    {dialtest.Serve(t, func(net.Conn) {}), hello, verdict.Reset, "dialogue-1", "closed the connection"},
		"lines without end":        {dialtest.Serve(t, script(t, "> "+strings.Repeat("no\n", 1100))), hello, verdict.Assertion, "dialogue-1", "none of the 1000 lines"},
		"a line without end":       {dialtest.Serve(t, script(t, "> "+strings.Repeat("x", 5000))), hello, verdict.Content, "dialogue-1", "more than 4096 bytes"},
		"an answer":                {dialtest.Serve(t, script(t, "< PING\r\n", "> +PONG\r\n")), ask, verdict.OK, "", ""},
		"reset for an answer":      {dialtest.Serve(t, both(script(t, "< PING\r\n"), func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) })), ask, verdict.Reset, "dialogue-1", "reset"},
		"bytes":                    {dialtest.Serve(t, script(t, "< ab", "> goodbye")), fixed, verdict.OK, "", ""},
		"other bytes":              {dialtest.Serve(t, script(t, "< ab", "> baad")), fixed, verdict.Assertion, "dialogue-1", `answers "baad"`},
		"too few bytes":            {dialtest.Serve(t, both(script(t, "< ab", "> go"), dialtest.Hang)), fixed, verdict.Timeout, "dialogue-1", "reading the answer"},
		"too few bytes and closed": {dialtest.Serve(t, script(t, "< ab", "> go")), fixed, verdict.Reset, "dialogue-1", "closed the connection while reading"},
		"what was said before": {dialtest.Serve(t, script(t, "> PING :42\r\n", "< PONG 42\r\n", "> 001 welcome\r\n")),
			`dialogue: [{expect: "^PING :(?P<id>.*)$"}, {send: "PONG ${id}\r\n", expect: "^001"}]`, verdict.OK, "", ""},
		"the second turn fails": {dialtest.Serve(t, script(t, "> PING :42\r\n", "< PONG 42\r\n", "> 500 no\r\n")),
			`dialogue: [{expect: "^PING :(.*)$"}, {send: "PONG ${1}\r\n", expect: "^001"}]`, verdict.Assertion, "dialogue-2", `"500 no"`},
		"bytes that are no text": {dialtest.Serve(t, script(t, "< \xff\x00\x01", "> \xfe")), `dialogue: [{send: !!binary /wAB, bytes: 1, expect: "^[^a]$"}]`, verdict.OK, "", ""},
		"slower than promised": {dialtest.Serve(t, func(c net.Conn) {
			time.Sleep(30 * time.Millisecond) // the server is slow, not the test
			script(t, "> 220 mail\r\n")(c)
		}), hello + "\nexpect: {max_time: 10ms}", verdict.Slow, "check", "10ms is promised"},
		"TLS that is never answered": {dialtest.Serve(t, dialtest.Hang), "secure: true", verdict.Timeout, "tls", "TLS handshake"},
		"TLS where none is spoken":   {dialtest.Serve(t, script(t, "> 220 mail\r\n")), "secure: true", verdict.TLSHandshake, "tls", "does not speak TLS"},
		"no TLS when asked":          {dialtest.Serve(t, script(t, "< \x00\x00\x00\x08\x04\xd2\x16\x2f", "> N")), "starttls: postgres", verdict.TLSHandshake, "starttls", `answers "N"`},
		"silence when asked for TLS": {dialtest.Serve(t, dialtest.Hang), "starttls: ldap", verdict.Timeout, "starttls", "while asking for TLS"},
		"more said before TLS": {dialtest.Serve(t, both(script(t, "< TLS\n", "> ok\nmore\n"), dialtest.Hang)), `dialogue: [{send: "TLS\n", expect: ok, starttls: true}]`,
			verdict.TLSHandshake, "tls", "says more before TLS"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			result := run(t, "address: "+tc.address+"\n"+tc.more, time.Second)
			if result.Reason != tc.reason || result.FailedStep != tc.step || !strings.Contains(result.Detail, tc.detail) {
				t.Errorf("%s at %q: %s", result.Reason, result.FailedStep, result.Detail)
			}
		})
	}
}

func TestCertificatesAreJudged(t *testing.T) {
	ours := dialtest.Issue(t, nil)
	for name, tc := range map[string]struct {
		change  func(*x509.Certificate)
		foreign bool
		more    string
		reason  verdict.Reason
		step    string
	}{
		"right":            {nil, false, "expect: {certificate_days: 1}", verdict.OK, ""},
		"with ours":        {nil, false, fmt.Sprintf("tls: {cert_file: %s, key_file: %s}", ours.CertFile, ours.KeyFile), verdict.OK, ""},
		"foreign":          {nil, true, "", verdict.TLSUntrusted, "tls"},
		"expired":          {func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }, false, "", verdict.TLSExpired, "tls"},
		"for another name": {func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{"other.example"} }, false, "", verdict.TLSName, "tls"},
		"about to expire":  {nil, false, "expect: {certificate_days: 14}", verdict.CertificateExpiring, "check"},
	} {
		for _, begins := range []string{"secure: true", "starttls: smtp", "dialogue: [{send: \"TLS\\n\", expect: ok, starttls: true}, {send: x, bytes: 1}]"} {
			t.Run(name+" with "+begins[:6], func(t *testing.T) {
				server := dialtest.Issue(t, tc.change)
				trusted := server
				if tc.foreign {
					trusted = ours
				}
				before := map[string]func(net.Conn){
					"secure": func(net.Conn) {}, "startt": script(t, "> 220 m\r\n", "< EHLO tocsin.invalid\r\n", "> 250-m\r\n250 STARTTLS\r\n", "< STARTTLS\r\n", "> 220 go\r\n"),
					"dialog": script(t, "< TLS\n", "> ok\n"),
				}[begins[:6]]
				config := &tls.Config{Certificates: []tls.Certificate{server.Pair}}
				if strings.Contains(tc.more, "cert_file") {
					config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, ours.Pool(t)
				}
				address := dialtest.Serve(t, both(before, func(c net.Conn) {
					secured := tls.Server(c, config)
					if secured.HandshakeContext(t.Context()) == nil {
						_, _ = io.Copy(secured, secured)
					}
				}))
				more := strings.TrimPrefix(tc.more, "tls: {")
				text := fmt.Sprintf("address: %s\n%s\ntls: {ca_file: %s", address, begins, trusted.CertFile)
				if more != tc.more {
					text += ", " + more
				} else {
					text += "}\n" + more
				}
				result := run(t, text, 5*time.Second)
				if result.Reason != tc.reason || result.FailedStep != tc.step {
					t.Errorf("%s at %q: %s", result.Reason, result.FailedStep, result.Detail)
				}
				if tc.reason == verdict.OK && result.CertExpiry.IsZero() {
					t.Error("no expiry of the certificate")
				}
				if tc.reason != verdict.OK && (len(result.Exchanges) == 0 || result.Exchanges[0].TLS == nil) {
					t.Error("the evidence has no certificate")
				}
			})
		}
	}
}

func TestPhasesAreTimedWhereTheyHappen(t *testing.T) {
	server := dialtest.Issue(t, nil)
	address := dialtest.Serve(t, func(c net.Conn) {
		secured := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{server.Pair}})
		if secured.HandshakeContext(t.Context()) == nil {
			_, _ = io.Copy(secured, secured)
		}
	})
	result := run(t, fmt.Sprintf("address: %s\nsecure: true\ntls: {ca_file: %s}\ndialogue: [{send: x, bytes: 1}]", address, server.CertFile), 5*time.Second)
	var seen []string
	for _, step := range result.Steps {
		for name, phase := range map[string]*float64{"dns": step.Phases.DNS, "connect": step.Phases.Connect, "tls": step.Phases.TLS, "first byte": step.Phases.FirstByte} {
			if phase != nil {
				seen = append(seen, step.Name+": "+name)
			}
		}
	}
	if got := strings.Join(seen, ", "); got != "connect: connect, tls: tls, dialogue-1: first byte" {
		t.Errorf("phases %s", got)
	}
}

func TestWhatIsSentFromAFileIsNeverShown(t *testing.T) {
	file := filepath.Join(t.TempDir(), "auth")
	if err := os.WriteFile(file, []byte("AUTH canary-71\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	address := dialtest.Serve(t, both(script(t, "< AUTH canary-71\r\n", "> -ERR no user canary-71\r\n"), dialtest.Hang))
	text := fmt.Sprintf("address: %s\ndialogue: [{send_file: %s, expect: OK, lacks: ^-ERR}]", address, file)
	result := run(t, text, 5*time.Second)
	written, err := json.Marshal(result)
	if err != nil {
		t.Fatal(err)
	}
	shown := string(written)
	for _, artifact := range result.Artifacts {
		shown += string(artifact.Data)
	}
	if result.Reason != verdict.Assertion || !strings.Contains(shown, "no user [from a file]") || strings.Contains(shown, "canary") {
		t.Errorf("%s: %s", result.Reason, shown)
	}
	cfg, _ := yamltest.Read[tcpcheck.Config](t, text)
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if _, err := tcpcheck.New(journey.Config{}, "port", cfg); err == nil {
		t.Error("a file that is not there is accepted")
	}
}

func TestWhatIsWrongInAConfigurationIsNamedWithItsLine(t *testing.T) {
	for name, tc := range map[string]struct{ text, want string }{
		"no address":                {"secure: true", `plan.yaml:1:1: key "address": is missing`},
		"no port":                   {"address: db.example.org", `1:10: key "address": "db.example.org" is no host:port`},
		"a port that cannot be":     {"address: db.example.org:70000", "is no host:port"},
		"another protocol":          {"address: a:1\nstarttls: ftp", `2:11: key "starttls": unknown protocol "ftp"; choose from imap, ldap`},
		"TLS twice":                 {"address: a:1\nsecure: true\nstarttls: smtp", "begins TLS more than once"},
		"trust without TLS":         {"address: a:1\ntls: {server_name: b}", `2:6: key "tls": is of no use without TLS`},
		"days without TLS":          {"address: a:1\nexpect: {certificate_days: 3}", `key "expect.certificate_days": is of no use`},
		"a certificate alone":       {"address: a:1\nsecure: true\ntls: {cert_file: x}", `key "tls.cert_file": stands without key_file`},
		"an empty turn":             {"address: a:1\ndialogue:\n- {}", `3:3: key "dialogue[0]": neither sends nor expects`},
		"no expression":             {"address: a:1\ndialogue:\n- expect: \"(\"", `3:11: key "dialogue[0].expect"`},
		"a wait without end":        {"address: a:1\ndialogue:\n- lacks: a", "would wait without end"},
		"a group that is not":       {"address: a:1\ndialogue:\n- {expect: \"a(b)\"}\n- {send: \"${2}\", expect: c}", `${2} is no group`},
		"a group of nothing before": {"address: a:1\ndialogue:\n- {send: \"${1}\", expect: c}", `${1} is no group`},
		"two things to send":        {"address: a:1\ndialogue:\n- {send: a, send_file: /etc/hostname}", "stands beside send"},
		"too many bytes":            {"address: a:1\ndialogue:\n- {bytes: 70000}", "outside 1 to"},
	} {
		t.Run(name, func(t *testing.T) {
			_, problems := yamltest.Read[tcpcheck.Config](t, tc.text)
			if len(problems) != 1 || !strings.Contains(problems[0], tc.want) {
				t.Errorf("got %q, want %s", problems, tc.want)
			}
		})
	}
}

func BenchmarkRun(b *testing.B) {
	address := dialtest.Serve(b, func(c net.Conn) { _, _ = io.Copy(c, c) })
	cfg, _ := yamltest.Read[tcpcheck.Config](b, "address: "+address+"\ndialogue: [{send: \"PING\\r\\n\", expect: PING}]")
	probe, err := tcpcheck.New(journey.Config{}, "port", cfg)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if result := probe.Run(b.Context()); result.Reason != verdict.OK {
			b.Fatal(result.Detail)
		}
	}
}
