package httpcheck_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
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
	httpcheck "tocsin/probes/http"
	"tocsin/probes/journey"
)

func TestMain(m *testing.M) {
	// What the servers of these tests say about clients that leave is no news.
	log.SetOutput(io.Discard)
	goleak.VerifyTestMain(m)
}

// run makes one run of one attempt with a time limit.
func run(t *testing.T, cfg httpcheck.Config, limit time.Duration) probes.Result {
	t.Helper()
	cfg.Attempts = 1
	probe, err := httpcheck.New(journey.Config{Target: "lab", AttemptTimeout: limit}, "api", cfg)
	if err != nil {
		t.Fatal(err)
	}
	return probe.Run(t.Context())
}

func api() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/ok", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Version", "7")
		fmt.Fprint(w, `{"status":"UP","parts":[{"name":"db","up":true,"ms":3},{"name":"hsm","up":true,"ms":12}]}`)
	})
	mux.HandleFunc("/busy", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	mux.HandleFunc("/gone", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGone) })
	mux.HandleFunc("/html", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>Sorry</html>") })
	mux.HandleFunc("/empty", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/latin", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("{\"a\":\"\xe6\"}")) })
	mux.HandleFunc("/large", func(w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, 4096)) })
	mux.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(60 * time.Millisecond):
		case <-r.Context().Done():
		}
		fmt.Fprint(w, "late")
	})
	mux.Handle("/moved", http.RedirectHandler("/ok", http.StatusFound))
	mux.Handle("/circle", http.RedirectHandler("/circle", http.StatusFound))
	mux.HandleFunc("/nowhere", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusFound) })
	mux.HandleFunc("/mail", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "mailto:a@example.org")
		w.WriteHeader(http.StatusFound)
	})
	return mux
}

func TestEachWayToBreakHasItsReason(t *testing.T) {
	server := httptest.NewServer(api())
	t.Cleanup(server.Close)
	truncated := "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"
	cases := map[string]struct {
		url, more string
		reason    verdict.Reason
		step      string
		detail    string
	}{
		"all is well":                    {server.URL + "/ok", ``, verdict.OK, "", ""},
		"nothing listens":                {"http://" + dialtest.Refused(t), ``, verdict.Refused, "request", "nothing listens"},
		"a name that does not exist":     {"http://no-such-host.invalid/", ``, verdict.DNS, "request", "no-such-host.invalid"},
		"TLS that is never answered":     {"https://" + dialtest.Serve(t, dialtest.Hang), ``, verdict.Timeout, "request", "TLS handshake"},
		"a request that is not answered": {raw(t, dialtest.Hang), ``, verdict.Timeout, "request", "waiting for the answer"},
		"an answer that stops":           {raw(t, func(c net.Conn) { io.WriteString(c, truncated); dialtest.Hang(c) }), ``, verdict.Timeout, "request", "reading the answer"},
		"headers that stop":              {raw(t, func(c net.Conn) { io.WriteString(c, "HTTP/1.1 200 OK\r\nA: b"); dialtest.Hang(c) }), ``, verdict.Timeout, "request", "reading the answer"},
		"closed without an answer":       {raw(t, text("")), ``, verdict.Reset, "request", "closed the connection while waiting"},
		"closed amid the headers":        {raw(t, text("HTTP/1.1 200 OK\r\nA: b")), ``, verdict.Reset, "request", "while reading"},
		"closed amid the body":           {raw(t, text(truncated)), ``, verdict.Reset, "request", "while reading"},
		"reset amid the body": {raw(t, func(c net.Conn) {
			io.WriteString(c, truncated)
			if err := c.(*net.TCPConn).SetLinger(0); err != nil {
				t.Error(err)
			}
		}), ``, verdict.Reset, "request", "while reading"},
		"chunks that are cut":        {raw(t, text("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal")), ``, verdict.Reset, "request", "while reading"},
		"something that is no HTTP":  {raw(t, text("220 mail.example.org ESMTP\r\n")), ``, verdict.Content, "request", "is not HTTP"},
		"http where TLS is spoken":   {strings.Replace(server.URL, "http", "https", 1), ``, verdict.TLSHandshake, "request", "does not speak TLS"},
		"a system in trouble":        {server.URL + "/busy", ``, verdict.Unavailable, "check", "503"},
		"a status nobody wants":      {server.URL + "/gone", ``, verdict.Status, "check", "410"},
		"a status that is wanted":    {server.URL + "/gone", `{status: ["410"]}`, verdict.OK, "", ""},
		"a class that is wanted":     {server.URL + "/gone", `{status: [4xx]}`, verdict.OK, "", ""},
		"200 where another is due":   {server.URL + "/ok", `{status: ["204"]}`, verdict.Status, "check", "200"},
		"too slow":                   {server.URL + "/slow", `{max_time: 20ms}`, verdict.Slow, "check", "20ms is promised"},
		"too large":                  {server.URL + "/large", `{max_bytes: 1000}`, verdict.Content, "request", "larger than 1000"},
		"a body that does not match": {server.URL + "/html", `{body: [{matches: Welcome}]}`, verdict.Assertion, "check", "nothing in the body matches Welcome"},
		"a body that must not match": {server.URL + "/html", `{body: [{lacks: Sorry}]}`, verdict.Assertion, "check", "must not"},
		"a header that is missing":   {server.URL + "/html", `{headers: [{name: X-Version, equals: "7"}]}`, verdict.Assertion, "check", "X-Version is missing"},
		"a header that is different": {server.URL + "/ok", `{headers: [{name: X-Version, equals: "8"}]}`, verdict.Assertion, "check", "is not"},
		"a header that must go":      {server.URL + "/ok", `{headers: [{name: X-Version, absent: true}]}`, verdict.Assertion, "check", "must not be"},
		"a header that matches":      {server.URL + "/ok", `{headers: [{name: X-Version, matches: "^[0-9]$"}]}`, verdict.OK, "", ""},
		"HTML where JSON is due":     {server.URL + "/html", `{json: [{path: $.status, equals: UP}]}`, verdict.Content, "check", "not JSON"},
		"nothing where JSON is due":  {server.URL + "/empty", `{json: [{path: $.status, equals: UP}]}`, verdict.Content, "check", "empty"},
		"JSON that is not UTF-8":     {server.URL + "/latin", `{json: [{path: $.a, exists: true}]}`, verdict.Content, "check", "UTF-8"},
		"JSON as promised": {server.URL + "/ok", `{json: [{path: $.status, equals: UP}, {path: "$.parts[*].up", equals: true}, {path: "$.parts[*]", count: 2},
  {path: "$.parts[?@.name=='hsm'].ms", max: 50}, {path: $.error, exists: false}, {path: $.status, matches: "^U"}, {path: "$.parts[0]", equals: {name: db, up: true, ms: 3}}]}`, verdict.OK, "", ""},
		"JSON with another value": {server.URL + "/ok", `{json: [{path: $.status, equals: DOWN}]}`, verdict.Assertion, "check", `$.status is "UP", want "DOWN"`},
		"JSON without the value":  {server.URL + "/ok", `{json: [{path: $.state, equals: UP}]}`, verdict.Assertion, "check", "$.state is missing"},
		"one of several is wrong": {server.URL + "/ok", `{json: [{path: "$.parts[*].ms", max: 10}]}`, verdict.Assertion, "check", "12, more than 10"},
		"a redirect by itself":    {server.URL + "/moved", ``, verdict.Status, "check", "302"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg, problems := yamltest.Read[httpcheck.Config](t, "url: "+tc.url+"\nexpect: "+tc.more)
			if problems != nil {
				t.Fatal(problems)
			}
			result := run(t, cfg, 2*time.Second)
			if result.Reason != tc.reason || result.FailedStep != tc.step || !strings.Contains(result.Detail, tc.detail) {
				t.Errorf("%s at %q: %s", result.Reason, result.FailedStep, result.Detail)
			}
		})
	}
}

func TestRedirectsAreFollowedAsFarAsIsAllowed(t *testing.T) {
	server := httptest.NewServer(api())
	defer server.Close()
	secure, authority := secured(t, http.RedirectHandler(server.URL+"/ok", http.StatusFound), nil, nil)
	for name, tc := range map[string]struct {
		url    string
		reason verdict.Reason
		step   string
	}{
		"to the goal":        {server.URL + "/moved", verdict.OK, ""},
		"in a circle":        {server.URL + "/circle", verdict.Redirect, "redirect"},
		"to nowhere":         {server.URL + "/nowhere", verdict.Redirect, "redirect"},
		"to another scheme":  {server.URL + "/mail", verdict.Redirect, "redirect"},
		"from https to http": {secure, verdict.Redirect, "redirect"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, problems := yamltest.Read[httpcheck.Config](t, fmt.Sprintf("url: %s\nredirects: 3\ntls: {ca_file: %s}", tc.url, authority))
			if problems != nil {
				t.Fatal(problems)
			}
			result := run(t, cfg, 5*time.Second)
			if result.Reason != tc.reason || result.FailedStep != tc.step {
				t.Errorf("%s at %q: %s", result.Reason, result.FailedStep, result.Detail)
			}
		})
	}
}

func TestSecretsGoToTheirOriginOnlyAndNeverIntoResults(t *testing.T) {
	const secret = "Bearer canary-6d1f"
	got := make(chan string, 4)
	record := func(_ http.ResponseWriter, r *http.Request) { got <- r.Header.Get("Authorization") }
	other := httptest.NewServer(http.HandlerFunc(record))
	defer other.Close()
	mux := http.NewServeMux()
	mux.HandleFunc("/here", record)
	mux.Handle("/near", http.RedirectHandler("/here", http.StatusTemporaryRedirect))
	mux.Handle("/far", http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	server := httptest.NewServer(mux)
	defer server.Close()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"/near": secret, "/far": ""} {
		cfg, problems := yamltest.Read[httpcheck.Config](t, fmt.Sprintf("url: %s%s\nredirects: 1\nheader_files: {Authorization: %s}\nexpect: {json: [{path: $.a, equals: 1}]}", server.URL, path, file))
		if problems != nil {
			t.Fatal(problems)
		}
		result := run(t, cfg, 5*time.Second)
		if sent := <-got; sent != want {
			t.Errorf("%s: %q was sent", path, sent)
		}
		written, err := json.Marshal(result)
		if text := string(written) + fmt.Sprintf("%+v", result.Exchanges); err != nil || strings.Contains(text, "canary") {
			t.Errorf("the result shows the secret: %s", text)
		}
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	probe, err := httpcheck.New(journey.Config{}, "api", httpcheck.Config{URL: server.URL + "/here"})
	if err != nil || probe.Run(t.Context()).Reason != verdict.OK {
		t.Errorf("without a secret: %v", err)
	}
}

func TestCertificatesAreJudged(t *testing.T) {
	day := 24 * time.Hour
	for name, tc := range map[string]struct {
		change  func(*x509.Certificate)
		foreign bool
		days    int
		reason  verdict.Reason
	}{
		"right":            {nil, false, 1, verdict.OK},
		"foreign":          {nil, true, 0, verdict.TLSUntrusted},
		"expired":          {func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }, false, 0, verdict.TLSExpired},
		"not yet valid":    {func(c *x509.Certificate) { c.NotBefore = time.Now().Add(day) }, false, 0, verdict.TLSExpired},
		"for another name": {func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{"other.example"} }, false, 0, verdict.TLSName},
		"about to expire":  {nil, false, 14, verdict.CertificateExpiring},
	} {
		for _, protocol := range []string{"h2", "http/1.1"} {
			t.Run(name+" over "+protocol, func(t *testing.T) {
				seen := ""
				address, authority := secured(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = r.Proto }), []string{protocol}, tc.change)
				if tc.foreign {
					_, authority = secured(t, http.NotFoundHandler(), nil, nil)
				}
				cfg, problems := yamltest.Read[httpcheck.Config](t, fmt.Sprintf("url: %s\ntls: {ca_file: %s}\nexpect: {certificate_days: %d}", address, authority, tc.days))
				if problems != nil {
					t.Fatal(problems)
				}
				// The clock of the machine that tests run on need not be kept.
				cfg.Attempts = 1
				probe, err := httpcheck.New(journey.Config{Target: "lab", ClockSynchronised: func() bool { return true }}, "api", cfg)
				if err != nil {
					t.Fatal(err)
				}
				result := probe.Run(t.Context())
				if result.Reason != tc.reason {
					t.Errorf("%s: %s", result.Reason, result.Detail)
				}
				if tc.reason != verdict.OK {
					return
				}
				if want := map[string]string{"h2": "HTTP/2.0", "http/1.1": "HTTP/1.1"}[protocol]; seen != want {
					t.Errorf("spoke %s", seen)
				}
				phases := result.Steps[0].Phases
				if phases.DNS != nil || phases.Connect == nil || phases.TLS == nil || phases.FirstByte == nil || phases.Transfer == nil {
					t.Errorf("phases %+v", phases)
				}
				if result.CertExpiry.IsZero() {
					t.Error("no expiry of the certificate")
				}
			})
		}
	}
}

func TestPhasesThatWereNotReachedAreAbsent(t *testing.T) {
	cfg, _ := yamltest.Read[httpcheck.Config](t, "url: https://"+dialtest.Serve(t, dialtest.Hang))
	result := run(t, cfg, 200*time.Millisecond)
	phases := result.Steps[0].Phases
	if phases.Connect == nil || phases.TLS != nil || phases.FirstByte != nil || phases.Transfer != nil {
		t.Errorf("phases %+v", phases)
	}
}

func TestARunThatIsStoppedFromOursIsUnknown(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	address := raw(t, func(c net.Conn) { cancel(); dialtest.Hang(c) })
	probe, err := httpcheck.New(journey.Config{}, "api", httpcheck.Config{URL: address})
	if err != nil {
		t.Fatal(err)
	}
	if result := probe.Run(ctx); result.Reason != verdict.Stopped {
		t.Errorf("%s: %s", result.Reason, result.Detail)
	}
}

func TestWhatIsWrongInAConfigurationIsNamedWithItsLine(t *testing.T) {
	for name, tc := range map[string]struct{ text, want string }{
		"no address":               {"method: GET", `plan.yaml:1:1: key "url": is missing`},
		"another scheme":           {"url: ftp://a.example", `1:6: key "url"`},
		"a password":               {"url: https://a:b@c.example", "header_files"},
		"a secret in clear":        {"url: https://a.example\nheaders: {Authorization: x}", `2:26: key "headers.Authorization": is a secret`},
		"a file that is not there": {"url: https://a.example\nheader_files: {A: /no/such}", `key "header_files.A": file cannot be used`},
		"two bodies":               {"url: https://a.example\nbody: x\nbody_file: /etc/hostname", `key "body_file": stands beside body`},
		"no status":                {"url: https://a.example\nexpect:\n  status: [9xx]", `3:12: key "expect.status[0]"`},
		"no JSONPath":              {"url: https://a.example\nexpect:\n  json: [{path: status, equals: 1}]", `3:17: key "expect.json[0].path": is no JSONPath`},
		"no regular expression":    {"url: https://a.example\nexpect:\n  body: [{matches: \"(\"}]", `key "expect.body[0].matches"`},
		"nothing promised":         {"url: https://a.example\nexpect:\n  json: [{path: $.a}]", `3:10: key "expect.json[0]": promises not exactly one thing; write one of equals`},
		"two things promised":      {"url: https://a.example\nexpect:\n  headers: [{name: A, equals: b, absent: true}]", `key "expect.headers[0]"`},
		"a lower-case method":      {"url: https://a.example\nmethod: post", `key "method"`},
	} {
		t.Run(name, func(t *testing.T) {
			_, problems := yamltest.Read[httpcheck.Config](t, tc.text)
			if len(problems) != 1 || !strings.Contains(problems[0], tc.want) {
				t.Errorf("got %q, want %s", problems, tc.want)
			}
		})
	}
}

func BenchmarkRun(b *testing.B) {
	server := httptest.NewServer(api())
	defer server.Close()
	probe, err := httpcheck.New(journey.Config{}, "api", httpcheck.Config{URL: server.URL + "/ok"})
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
