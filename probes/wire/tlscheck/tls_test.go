package tlscheck

import (
	"bytes"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"tocsin/internal/verdict"
	"tocsin/probes"
	"tocsin/probes/journey"
)

// allowed are the suites of Mozilla's intermediate that Go has.
func allowed() []uint16 {
	return []uint16{
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
		tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	}
}

func strict(certificates ...tls.Certificate) *tls.Config {
	return &tls.Config{Certificates: certificates, MinVersion: tls.VersionTLS12, CipherSuites: allowed()}
}

func run(t testing.TB, roots *x509.CertPool, c Config) probes.Result {
	t.Helper()
	probe, err := New(journey.Config{Target: "test", Roots: roots, ExchangeTimeout: 10 * time.Second}, "edge", c)
	if err != nil {
		t.Fatal(err)
	}
	return probe.Run(t.Context())
}

func notes(result probes.Result) string {
	var all []string
	for _, step := range result.Steps {
		all = append(all, step.Notes...)
	}
	return strings.Join(all, "\n")
}

func expect(t *testing.T, got probes.Result, want verdict.Reason, step, detail string) {
	t.Helper()
	if got.Reason != want || got.FailedStep != step || !strings.Contains(got.Detail, detail) {
		t.Errorf("%s at %q: %s\nwant %s at %q: %s", got.Reason, got.FailedStep, got.Detail, want, step, detail)
	}
}

func TestCertificatesAreJudged(t *testing.T) {
	root := newRoot(t, "Root")
	middle := root.below("Middle")
	other := newRoot(t, "Somebody Else")
	rsaKey := func(bits int) *rsa.PrivateKey {
		key, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	valid := func(from, to time.Duration) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.NotBefore, c.NotAfter = time.Now().Add(from), time.Now().Add(to) }
	}
	const day = 24 * time.Hour
	stale := root.sign(template("Old Middle", func(c *x509.Certificate) { isAuthority(c); valid(-9*day, -day)(c) }), root.certificate, middle.key.Public())
	for name, tc := range map[string]struct {
		certificate tls.Certificate
		config      Config
		want        verdict.Reason
		detail      string
	}{
		"as it should be":               {middle.server(nil, nil, middle.certificate), Config{}, verdict.OK, ""},
		"root sent along":               {middle.server(nil, nil, middle.certificate, root.certificate), Config{}, verdict.OK, ""},
		"RSA of 2048 bits":              {root.server(rsaKey(2048), nil), Config{}, verdict.OK, ""},
		"signed by a foreign authority": {other.server(nil, nil), Config{}, verdict.TLSUntrusted, "does not trust"},
		"signed by itself":              {selfSigned(t), Config{}, verdict.TLSUntrusted, ""},
		"for another name":              {root.server(nil, func(c *x509.Certificate) { c.IPAddresses = nil }), Config{}, verdict.TLSName, "another name"},
		"for the name asked for":        {root.server(nil, func(c *x509.Certificate) { c.IPAddresses = nil }), Config{ServerName: "localhost"}, verdict.OK, ""},
		"expired":                       {root.server(nil, valid(-2*day, -day)), Config{}, verdict.TLSExpired, "expired at"},
		"not valid yet":                 {root.server(nil, valid(day, 2*day)), Config{}, verdict.TLSExpired, "not valid before"},
		"expires in five days":          {root.server(nil, valid(-day, 5*day+time.Hour)), Config{}, verdict.CertificateExpiring, "in 5 days, and 14 days are demanded"},
		"five days are enough":          {root.server(nil, valid(-day, 5*day)), Config{ExpireIn: day}, verdict.OK, ""},
		"an old one is sent along":      {middle.server(nil, nil, middle.certificate, stale), Config{}, verdict.TLSExpired, "Old Middle"},
		"authority in between missing":  {middle.server(nil, nil), Config{}, verdict.TLSUntrusted, `not that of "CN=Middle"`},
		"out of order":                  {middle.server(nil, nil, root.certificate, middle.certificate), Config{}, verdict.TLSPolicy, "out of order"},
		"sent twice":                    {middle.server(nil, nil, middle.certificate, middle.certificate), Config{}, verdict.TLSPolicy, "sent twice"},
		"RSA of 1024 bits":              {root.server(rsaKey(1024), nil), Config{}, verdict.TLSPolicy, "has 1024 bits, fewer than 2048"},
		"key on P-521":                  {root.server(curveKey(t, elliptic.P521()), nil), Config{}, verdict.TLSPolicy, "on P-521"},
		"key on Ed25519":                {root.server(edwards, nil), Config{}, verdict.TLSPolicy, "is Ed25519"},
		"nobody need trust it":          {other.server(nil, nil), Config{Certificates: new(bool)}, verdict.OK, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tc.config.Address = serve(t, strict(tc.certificate))
			got := run(t, root.pool(), tc.config)
			step := "certificates"
			if tc.want == verdict.OK {
				step = ""
			}
			expect(t, got, tc.want, step, tc.detail)
			if judgesCertificates(tc.config) && got.CertExpiry.IsZero() {
				t.Error("the expiry is not told")
			}
		})
	}
}

func judgesCertificates(c Config) bool {
	c.defaults()
	return *c.Certificates
}

func selfSigned(t *testing.T) tls.Certificate {
	alone := &authority{t: t, key: curveKey(t, elliptic.P256())}
	certificate := alone.sign(template("Alone", func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)} }), nil, alone.key.Public())
	return tls.Certificate{Certificate: [][]byte{certificate.Raw}, PrivateKey: alone.key}
}

func TestWhatIsAcceptedIsJudged(t *testing.T) {
	root := newRoot(t, "Root")
	elliptic := root.server(nil, nil)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	both := []tls.Certificate{elliptic, root.server(key, nil)}
	with := func(minimum, maximum uint16, suites ...uint16) *tls.Config {
		return &tls.Config{Certificates: both, MinVersion: minimum, MaxVersion: maximum, CipherSuites: append(suites, allowed()...)}
	}
	for name, tc := range map[string]struct {
		server *tls.Config
		policy string
		want   verdict.Reason
		detail string
	}{
		"intermediate":                 {with(tls.VersionTLS12, 0), "", verdict.OK, ""},
		"modern":                       {&tls.Config{Certificates: []tls.Certificate{elliptic}, MinVersion: tls.VersionTLS13}, modern, verdict.OK, ""},
		"modern with an RSA key":       {&tls.Config{Certificates: both[1:], MinVersion: tls.VersionTLS13}, modern, verdict.TLSPolicy, "is RSA"},
		"TLS 1.2 in modern":            {strict(elliptic), modern, verdict.TLSPolicy, "accepts TLS 1.2 (with"},
		"TLS 1.1":                      {with(tls.VersionTLS11, 0, tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA), "", verdict.TLSPolicy, "accepts TLS 1.1 (with TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"},
		"TLS 1.0":                      {with(tls.VersionTLS10, 0, tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA), "", verdict.TLSPolicy, "accepts TLS 1.0"},
		"CBC":                          {with(tls.VersionTLS12, 0, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA), "", verdict.TLSPolicy, "accepts TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA over TLS 1.2"},
		"no forward secrecy":           {with(tls.VersionTLS12, 0, tls.TLS_RSA_WITH_AES_128_GCM_SHA256), "", verdict.TLSPolicy, "accepts TLS_RSA_WITH_AES_128_GCM_SHA256"},
		"3DES":                         {with(tls.VersionTLS12, 0, tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA), "", verdict.TLSPolicy, "accepts TLS_RSA_WITH_3DES_EDE_CBC_SHA"},
		"RC4":                          {with(tls.VersionTLS12, 0, tls.TLS_ECDHE_RSA_WITH_RC4_128_SHA), "", verdict.TLSPolicy, "accepts TLS_ECDHE_RSA_WITH_RC4_128_SHA"},
		"weak only for clients of old": {with(tls.VersionTLS12, 0, tls.TLS_RSA_WITH_AES_256_CBC_SHA), "", verdict.TLSPolicy, "TLS_RSA_WITH_AES_256_CBC_SHA"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := run(t, root.pool(), Config{Address: serve(t, tc.server), Policy: tc.policy})
			step := "scan"
			if strings.Contains(tc.detail, "is RSA") {
				step = "certificates"
			}
			if tc.want == verdict.OK {
				step = ""
			}
			expect(t, got, tc.want, step, tc.detail)
		})
	}
}

// What the scan says is accepted is exactly what the server was told to accept.
func TestTheScanFindsAllAndOnlyWhatIsAccepted(t *testing.T) {
	root := newRoot(t, "Root")
	got := run(t, root.pool(), Config{Address: serve(t, strict(root.server(nil, nil)))})
	var accepted []string
	for line := range strings.SplitSeq(notes(got), "\n") {
		if strings.HasPrefix(line, "TLS 1.2: ") || strings.HasPrefix(line, "SSL") {
			accepted = append(accepted, line)
		}
	}
	want := []string{
		"SSL 3.0: refused", "TLS 1.2: TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS 1.2: TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
		"TLS 1.2: TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
	}
	if len(accepted) != len(want) || got.Figures["tls_versions_accepted_count"] != 2 || got.Figures["tls_suites_accepted_count"] != 6 {
		t.Errorf("%v\n%s", got.Figures, strings.Join(accepted, "\n"))
	}
	for _, line := range want {
		if !strings.Contains(notes(got), line) {
			t.Errorf("lacks %q", line)
		}
	}
}

// A certificate for clients without ECDSA is judged like the other.
func TestTheSecondCertificateIsJudgedToo(t *testing.T) {
	root := newRoot(t, "Root")
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	dying := root.server(key, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(3*24*time.Hour + time.Hour) })
	got := run(t, root.pool(), Config{Address: serve(t, strict(root.server(nil, nil), dying))})
	expect(t, got, verdict.TLSPolicy, "scan", "another certificate")
	if left := time.Until(got.CertExpiry); left > 4*24*time.Hour || !strings.Contains(got.Detail, "expires at") {
		t.Errorf("earliest expiry in %s: %s", left, got.Detail)
	}
}

func TestEverythingThatIsWrongIsTold(t *testing.T) {
	root := newRoot(t, "Root")
	config := strict(root.server(nil, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(time.Hour) }))
	config.MinVersion, config.CipherSuites = tls.VersionTLS10, append(config.CipherSuites, tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA)
	got := run(t, root.pool(), Config{Address: serve(t, config)})
	expect(t, got, verdict.CertificateExpiring, "certificates", "; also: accepts TLS 1.0")
}

func TestRevocation(t *testing.T) {
	root := newRoot(t, "Root")
	const good, revoked = "good", "revoked"
	responder := http.NewServeMux()
	var serials = map[string]*big.Int{}
	answer := func(change func(*ocsp.Response)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			asked, err := ocsp.ParseRequest(body)
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			_, _ = w.Write(root.answer(&x509.Certificate{SerialNumber: asked.SerialNumber}, change))
		}
	}
	isRevoked := func(r *ocsp.Response) { r.Status, r.RevokedAt = ocsp.Revoked, time.Now().Add(-time.Minute) }
	responder.Handle("/good", answer(nil))
	responder.Handle("/revoked", answer(isRevoked))
	responder.Handle("/unknown", answer(func(r *ocsp.Response) { r.Status = ocsp.Unknown }))
	responder.Handle("/old", answer(func(r *ocsp.Response) {
		r.ThisUpdate, r.NextUpdate = time.Now().Add(-9*time.Hour), time.Now().Add(-time.Hour)
	}))
	responder.Handle("/broken", http.NotFoundHandler())
	responder.HandleFunc("/list", func(w http.ResponseWriter, _ *http.Request) {
		list, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
			Number: big.NewInt(1), ThisUpdate: time.Now().Add(-time.Hour), NextUpdate: time.Now().Add(time.Hour),
			RevokedCertificateEntries: []x509.RevocationListEntry{{SerialNumber: serials[revoked], RevocationTime: time.Now()}},
		}, root.certificate, root.key)
		if err != nil {
			panic(err)
		}
		_, _ = w.Write(list)
	})
	server := httptest.NewServer(responder)
	t.Cleanup(server.Close)
	at := func(path string) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.OCSPServer = []string{server.URL + path} }
	}
	must := func(c *x509.Certificate) {
		c.ExtraExtensions = []pkix.Extension{{Id: []int{1, 3, 6, 1, 5, 5, 7, 1, 24}, Value: []byte{0x30, 3, 2, 1, 5}}}
	}
	listed := func(name string) tls.Certificate {
		made := root.server(nil, func(c *x509.Certificate) { c.CRLDistributionPoints = []string{server.URL + "/list"} })
		serials[name] = made.Leaf.SerialNumber
		return made
	}
	stapled := func(change func(*x509.Certificate), answer func(*ocsp.Response)) tls.Certificate {
		made := root.server(nil, change)
		made.OCSPStaple = root.answer(made.Leaf, answer)
		return made
	}
	stranger := root.server(nil, nil)
	wrong := root.server(nil, nil)
	wrong.OCSPStaple = root.answer(stranger.Leaf, nil)
	for name, tc := range map[string]struct {
		certificate tls.Certificate
		mode        string
		want        verdict.Reason
		detail      string // or note where it passes
	}{
		"stapled and good":                 {stapled(nil, nil), "", verdict.OK, "is not revoked: the stapled OCSP response"},
		"stapled and revoked":              {stapled(nil, isRevoked), "", verdict.CertificateRevoked, "was revoked at"},
		"stapled and too old":              {stapled(nil, func(r *ocsp.Response) { r.NextUpdate = time.Now().Add(-time.Minute) }), "", verdict.TLSPolicy, "it held until"},
		"stapled for another":              {wrong, "", verdict.TLSPolicy, "cannot be used"},
		"must staple and does":             {stapled(must, nil), "", verdict.OK, "is not revoked"},
		"must staple and does not":         {root.server(nil, must), "", verdict.TLSPolicy, "must be stapled"},
		"responder says good":              {root.server(nil, at("/good")), "", verdict.OK, "is not revoked: the OCSP responder"},
		"responder says revoked":           {root.server(nil, at("/revoked")), "", verdict.CertificateRevoked, "was revoked at"},
		"revoked, but nobody asks":         {root.server(nil, at("/revoked")), revocationOff, verdict.OK, ""},
		"responder is broken":              {root.server(nil, at("/broken")), "", verdict.OK, "not judged, as the plan says"},
		"responder is broken, hard":        {root.server(nil, at("/broken")), revocationHard, verdict.Status, "404"},
		"responder does not know, hard":    {root.server(nil, at("/unknown")), revocationHard, verdict.Content, "does not know"},
		"responder repeats the past, hard": {root.server(nil, at("/old")), revocationHard, verdict.Content, "it held until"},
		"on a list of revoked ones":        {listed(revoked), "", verdict.CertificateRevoked, "the list at"},
		"not on the list":                  {listed(good), "", verdict.OK, "is not revoked: the list at"},
		"no source":                        {root.server(nil, nil), "", verdict.OK, "neither an OCSP responder nor a list"},
	} {
		t.Run(name, func(t *testing.T) {
			got := run(t, root.pool(), Config{Address: serve(t, strict(tc.certificate)), Revocation: tc.mode})
			if tc.want == verdict.OK {
				expect(t, got, verdict.OK, "", "")
				if !strings.Contains(notes(got), tc.detail) {
					t.Errorf("notes lack %q:\n%s", tc.detail, notes(got))
				}
				return
			}
			expect(t, got, tc.want, "revocation", tc.detail)
		})
	}
}

// What is no refusal must not count as one.
func TestSilenceIsNoRefusal(t *testing.T) {
	root := newRoot(t, "Root")
	config := strict(root.server(nil, nil))
	listen := func() net.Listener {
		listener, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return listener
	}
	t.Run("silent to what is weak", func(t *testing.T) {
		address := accept(t, listen(), func(c net.Conn) {
			hello := make([]byte, 11)
			if _, err := io.ReadFull(c, hello); err != nil {
				return
			}
			if hello[10] < 3 { // below TLS 1.2: never answer
				_, _ = io.Copy(io.Discard, c)
				return
			}
			secured := tls.Server(&replayed{Conn: c, first: hello}, config)
			_ = secured.HandshakeContext(t.Context())
		})
		probe, err := New(journey.Config{Roots: root.pool(), ExchangeTimeout: time.Second}, "edge", Config{Address: address})
		if err != nil {
			t.Fatal(err)
		}
		expect(t, probe.Run(t.Context()), verdict.Timeout, "scan", "while it was offered what it must refuse")
	})
	t.Run("gone after the first handshake", func(t *testing.T) {
		var connections atomic.Int32
		address := accept(t, listen(), func(c net.Conn) {
			if connections.Add(1)%100 != 1 {
				return
			}
			_ = tls.Server(c, config).HandshakeContext(t.Context())
		})
		if got := run(t, root.pool(), Config{Address: address}); got.Verdict != verdict.Fail || got.Reason == verdict.TLSPolicy {
			t.Errorf("%s at %s: %s", got.Reason, got.FailedStep, got.Detail)
		}
	})
	t.Run("not TLS at all", func(t *testing.T) {
		address := accept(t, listen(), func(c net.Conn) {
			_, _ = c.Read(make([]byte, 1000))
			_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
		})
		expect(t, run(t, root.pool(), Config{Address: address}), verdict.TLSHandshake, "handshake", "does not speak TLS")
	})
	t.Run("nothing listens", func(t *testing.T) {
		listener := listen()
		listener.Close()
		expect(t, run(t, root.pool(), Config{Address: listener.Addr().String()}), verdict.Refused, "handshake", "nothing listens")
	})
}

// replayed is a connection whose first bytes were read already.
type replayed struct {
	net.Conn
	first []byte
}

func (r *replayed) Read(into []byte) (int, error) {
	if len(r.first) > 0 {
		n := copy(into, r.first)
		r.first = r.first[n:]
		return n, nil
	}
	return r.Conn.Read(into)
}

// No library here speaks SSL 3.0 any more, so its answer is written out: a
// ServerHello that chooses TLS_RSA_WITH_RC4_128_SHA, as RFC 6101 has it.
func TestSSL3IsFound(t *testing.T) {
	root := newRoot(t, "Root")
	config := strict(root.server(nil, nil))
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var answered atomic.Bool
	address := accept(t, listener, func(c net.Conn) {
		hello := make([]byte, 11)
		if _, err := io.ReadFull(c, hello); err != nil {
			return
		}
		if hello[9] == 3 && hello[10] == 0 {
			if answered.Swap(true) {
				return // the suite is not offered a second time
			}
			answer := append([]byte{22, 3, 0, 0, 42, 2, 0, 0, 38, 3, 0}, make([]byte, 32)...)
			_, _ = c.Write(append(answer, 0, 0, 5, 0))
			return
		}
		_ = tls.Server(&replayed{Conn: c, first: hello}, config).HandshakeContext(t.Context())
	})
	got := run(t, root.pool(), Config{Address: address})
	expect(t, got, verdict.TLSPolicy, "scan", "accepts SSL 3.0 (with TLS_RSA_WITH_RC4_128_SHA)")
}

// heard is a line, read byte by byte so that nothing of TLS is swallowed.
func heard(c io.Reader) (string, error) {
	var said []byte
	for next := make([]byte, 1); !bytes.HasSuffix(said, []byte("\n")); said = append(said, next...) {
		if _, err := io.ReadFull(c, next); err != nil {
			return "", err
		}
	}
	return string(said), nil
}

func TestProtocolsThatBeginInClear(t *testing.T) {
	root := newRoot(t, "Root")
	config := strict(root.server(nil, nil))
	talk := func(lines ...string) func(net.Conn) error { // what is said, then what is awaited
		return func(c net.Conn) error {
			for i, line := range lines {
				if i%2 == 0 {
					if _, err := io.WriteString(c, line); err != nil {
						return err
					}
				} else if said, err := heard(c); err != nil || !strings.HasPrefix(said, line) {
					return fmt.Errorf("%q, %w", said, err)
				}
			}
			return nil
		}
	}
	for name, tc := range map[string]struct {
		protocol string
		before   func(net.Conn) error
		want     verdict.Reason
		detail   string
	}{
		"mail": {"smtp", talk("220-hello\r\n220 mail\r\n", "EHLO", "250-mail\r\n250 STARTTLS\r\n", "STARTTLS", "220 go on\r\n"), verdict.OK, ""},
		"mail without TLS": {"smtp", talk("220 mail\r\n", "EHLO", "250 mail\r\n", "STARTTLS", "502 what?\r\n", "never"),
			verdict.TLSHandshake, `answers "502 what?"`},
		"mailbox": {"imap", talk("* OK ready\r\n", "a STARTTLS", "a OK go on\r\n"), verdict.OK, ""},
		"database": {"postgres", func(c net.Conn) error {
			if _, err := io.ReadFull(c, make([]byte, 8)); err != nil {
				return err
			}
			_, err := c.Write([]byte("S"))
			return err
		}, verdict.OK, ""},
		"database without TLS": {"postgres", func(c net.Conn) error {
			_, _ = io.ReadFull(c, make([]byte, 8))
			_, _ = c.Write([]byte("N"))
			return io.EOF
		}, verdict.TLSHandshake, `answers "N"`},
	} {
		t.Run(name, func(t *testing.T) {
			listener, err := net.Listen("tcp4", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			address := accept(t, listener, func(c net.Conn) {
				if tc.before(c) == nil {
					_ = tls.Server(c, config).HandshakeContext(t.Context())
				}
			})
			step := ""
			if tc.want != verdict.OK {
				step = "handshake"
			}
			expect(t, run(t, root.pool(), Config{Address: address, StartTLS: tc.protocol}), tc.want, step, tc.detail)
		})
	}
}
