package grpccheck_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"tocsin/internal/strictyaml/yamltest"
	"tocsin/internal/verdict"
	"tocsin/probes"
	"tocsin/probes/dial/dialtest"
	grpccheck "tocsin/probes/grpc"
	"tocsin/probes/journey"
)

func TestMain(m *testing.M) {
	// What the servers of these tests say about clients that leave is no news.
	log.SetOutput(io.Discard)
	goleak.VerifyTestMain(m)
}

// run makes one run of one attempt with a time limit.
func run(t testing.TB, text string, limit time.Duration) probes.Result {
	t.Helper()
	cfg, problems := yamltest.Read[grpccheck.Config](t, text)
	if problems != nil {
		t.Fatal(problems)
	}
	cfg.Attempts = 1
	// The clock of the machine that tests run on need not be kept.
	probe, err := grpccheck.New(journey.Config{Target: "lab", AttemptTimeout: limit, ClockSynchronised: func() bool { return true }}, "svc", cfg)
	if err != nil {
		t.Fatal(err)
	}
	return probe.Run(t.Context())
}

// listen is a listener on this machine; who serves it closes it.
func listen(t testing.TB) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

// serve starts a real server, and with it what register registers.
func serve(t testing.TB, register func(*grpc.Server), options ...grpc.ServerOption) string {
	t.Helper()
	server := grpc.NewServer(options...)
	register(server)
	listener := listen(t)
	t.Cleanup(server.Stop)
	go func() { _ = server.Serve(listener) }()
	return listener.Addr().String()
}

// healthy knows a service that serves and one that does not.
func healthy(server *grpc.Server) {
	service := health.NewServer()
	service.SetServingStatus("up.Service", healthpb.HealthCheckResponse_SERVING)
	service.SetServingStatus("down.Service", healthpb.HealthCheckResponse_NOT_SERVING)
	healthpb.RegisterHealthServer(server, service)
}

// answers is a health service that does as it is told.
type answers struct {
	healthpb.UnimplementedHealthServer
	check func(context.Context) (*healthpb.HealthCheckResponse, error)
}

func (a answers) Check(ctx context.Context, _ *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
	return a.check(ctx)
}

func answering(check func(context.Context) (*healthpb.HealthCheckResponse, error)) func(*grpc.Server) {
	return func(server *grpc.Server) { healthpb.RegisterHealthServer(server, answers{check: check}) }
}

func refusing(code codes.Code, message string) func(*grpc.Server) {
	return answering(func(context.Context) (*healthpb.HealthCheckResponse, error) { return nil, status.Error(code, message) })
}

func serving() (*healthpb.HealthCheckResponse, error) {
	return &healthpb.HealthCheckResponse{Status: healthpb.HealthCheckResponse_SERVING}, nil
}

func TestEachWayToBreakHasItsReason(t *testing.T) {
	good := serve(t, healthy)
	cut := func(server *grpc.Server) {
		answering(func(ctx context.Context) (*healthpb.HealthCheckResponse, error) {
			go server.Stop()
			<-ctx.Done()
			return nil, ctx.Err()
		})(server)
	}
	web := func(t *testing.T, code int) string {
		listener := listen(t)
		server := &http.Server{ReadHeaderTimeout: time.Minute, Protocols: new(http.Protocols), Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(code)
			fmt.Fprint(w, "<html>Sorry</html>")
		})}
		server.Protocols.SetUnencryptedHTTP2(true)
		server.Protocols.SetHTTP1(true)
		t.Cleanup(func() { server.Close() })
		go func() { _ = server.Serve(listener) }()
		return listener.Addr().String()
	}
	for name, tc := range map[string]struct {
		address, more string
		reason        verdict.Reason
		step          string
		detail        string
	}{
		"the server serves":           {good, ``, verdict.OK, "", ""},
		"the service serves":          {good, `service: up.Service`, verdict.OK, "", ""},
		"the service does not serve":  {good, `service: down.Service`, verdict.Unavailable, "check", "answers NOT_SERVING of down.Service"},
		"and must not":                {good, "service: down.Service\nexpect: {status: NOT_SERVING}", verdict.OK, "", ""},
		"one that nobody knows":       {good, `service: no.Service`, verdict.Status, "check", "answers NOT_FOUND of no.Service"},
		"and is not to be known":      {good, "service: no.Service\nexpect: {status: NOT_FOUND}", verdict.OK, "", ""},
		"serves and must not":         {good, "expect: {status: NOT_SERVING}", verdict.Status, "check", "SERVING of the server as a whole"},
		"no health service":           {serve(t, func(*grpc.Server) {}), ``, verdict.Status, "check", "has no health service"},
		"nobody listens":              {dialtest.Refused(t), ``, verdict.Refused, "connect", "nothing listens"},
		"a name that is not":          {"no-such-host.invalid:443", ``, verdict.DNS, "connect", "no-such-host.invalid"},
		"HTTP/2 that does not begin":  {dialtest.Serve(t, dialtest.Hang), ``, verdict.Timeout, "health", "waiting for the answer"},
		"closed at once":              {dialtest.Serve(t, func(net.Conn) {}), ``, verdict.Reset, "health", "127.0.0.1"},
		"something that is no HTTP/2": {dialtest.Serve(t, func(c net.Conn) { io.WriteString(c, "220 mail.example.org ESMTP\r\n"); dialtest.Hang(c) }), ``, verdict.Content, "health", "not HTTP/2"},
		"an answer that never comes": {serve(t, answering(func(ctx context.Context) (*healthpb.HealthCheckResponse, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})), ``, verdict.Timeout, "health", ""},
		"a server that ends":      {serve(t, cut), ``, verdict.Reset, "health", "127.0.0.1"},
		"a server in trouble":     {serve(t, refusing(codes.Unavailable, "no database")), ``, verdict.Unavailable, "check", `UNAVAILABLE of the server as a whole, and SERVING is promised; it says "no database"`},
		"a server that is full":   {serve(t, refusing(codes.ResourceExhausted, "")), ``, verdict.Unavailable, "check", "RESOURCE_EXHAUSTED"},
		"a server that fails":     {serve(t, refusing(codes.Internal, "oops")), ``, verdict.Status, "check", "INTERNAL"},
		"a stranger is refused":   {serve(t, refusing(codes.Unauthenticated, "")), ``, verdict.Status, "check", "UNAUTHENTICATED"},
		"as a stranger should be": {serve(t, refusing(codes.Unauthenticated, "")), "expect: {status: UNAUTHENTICATED}", verdict.OK, "", ""},
		"a proxy in trouble":      {web(t, http.StatusBadGateway), ``, verdict.Unavailable, "check", "UNAVAILABLE"},
		"a web page":              {web(t, http.StatusOK), ``, verdict.Status, "check", "UNKNOWN"},
		"slower than promised": {serve(t, answering(func(context.Context) (*healthpb.HealthCheckResponse, error) {
			time.Sleep(30 * time.Millisecond) // the server is slow, not the test
			return serving()
		})), "expect: {max_time: 10ms}", verdict.Slow, "check", "10ms is promised"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			result := run(t, "plaintext: true\naddress: "+tc.address+"\n"+tc.more, time.Second)
			if result.Reason != tc.reason || result.FailedStep != tc.step || !strings.Contains(result.Detail, tc.detail) {
				t.Errorf("%s at %q: %s", result.Reason, result.FailedStep, result.Detail)
			}
		})
	}
}

func TestCertificatesAreJudged(t *testing.T) {
	ours := dialtest.Issue(t, nil)
	for name, tc := range map[string]struct {
		change func(*x509.Certificate)
		config func(*tls.Config)
		more   string
		trust  string
		reason verdict.Reason
		step   string
	}{
		"right":            {more: "expect: {certificate_days: 1}", reason: verdict.OK},
		"foreign":          {trust: ours.CertFile, reason: verdict.TLSUntrusted, step: "tls"},
		"expired":          {change: func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }, reason: verdict.TLSExpired, step: "tls"},
		"for another name": {change: func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{"other.example"} }, reason: verdict.TLSName, step: "tls"},
		"about to expire":  {more: "expect: {certificate_days: 14}", reason: verdict.CertificateExpiring, step: "check"},
		"without HTTP/2":   {config: func(c *tls.Config) { c.NextProtos = nil }, reason: verdict.TLSHandshake, step: "tls"},
		"that asks for ours": {
			config: func(c *tls.Config) { c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, ours.Pool(t) },
			more:   fmt.Sprintf("cert_file: %s, key_file: %s", ours.CertFile, ours.KeyFile), reason: verdict.OK,
		},
		"that asks and gets none": {
			config: func(c *tls.Config) { c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, ours.Pool(t) },
			reason: verdict.TLSHandshake, step: "health",
		},
	} {
		t.Run(name, func(t *testing.T) {
			certificate := dialtest.Issue(t, tc.change)
			config := &tls.Config{Certificates: []tls.Certificate{certificate.Pair}, NextProtos: []string{"h2"}}
			if tc.config != nil {
				tc.config(config)
			}
			address := serve(t, healthy, grpc.Creds(handshake{config}))
			trust := certificate.CertFile
			if tc.trust != "" {
				trust = tc.trust
			}
			text := fmt.Sprintf("address: %s\ntls: {ca_file: %s", address, trust)
			if strings.HasPrefix(tc.more, "cert_file") {
				text += ", " + tc.more + "}"
			} else {
				text += "}\n" + tc.more
			}
			result := run(t, text, 5*time.Second)
			// Whether the alert or the end of the connection is seen first is the
			// network's.
			hungUp := tc.step == "health" && result.Reason == verdict.Reset
			if result.Reason != tc.reason && !hungUp || result.FailedStep != tc.step {
				t.Errorf("%s at %q: %s", result.Reason, result.FailedStep, result.Detail)
			}
			if tc.reason != verdict.OK && (len(result.Exchanges) == 0 || result.Exchanges[0].TLS == nil && name != "without HTTP/2") {
				t.Error("the evidence has no certificate")
			}
		})
	}
}

// handshake is TLS as it is configured: gRPC's own adds HTTP/2 by itself.
type handshake struct{ config *tls.Config }

func (h handshake) ServerHandshake(c net.Conn) (net.Conn, credentials.AuthInfo, error) {
	secured := tls.Server(c, h.config)
	if err := secured.Handshake(); err != nil {
		return nil, nil, err
	}
	return secured, credentials.TLSInfo{State: secured.ConnectionState()}, nil
}

func (h handshake) ClientHandshake(context.Context, string, net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return nil, nil, io.EOF
}
func (h handshake) Info() credentials.ProtocolInfo          { return credentials.ProtocolInfo{} }
func (h handshake) Clone() credentials.TransportCredentials { return h }
func (h handshake) OverrideServerName(string) error         { return nil }

func TestTheCallSaysWhoItIsAndKeepsSecrets(t *testing.T) {
	const secret = "Bearer canary-4f"
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	certificate := dialtest.Issue(t, nil)
	got := make(chan metadata.MD, 1)
	address := serve(t, answering(func(ctx context.Context) (*healthpb.HealthCheckResponse, error) {
		sent, _ := metadata.FromIncomingContext(ctx)
		if _, ok := peer.FromContext(ctx); ok {
			got <- sent
		}
		return nil, status.Error(codes.PermissionDenied, "not for "+secret)
	}), grpc.Creds(credentials.NewServerTLSFromCert(&certificate.Pair)))
	result := run(t, fmt.Sprintf("address: %s\nauthority: svc.example.org\ntls: {ca_file: %s}\nmetadata: {x-tenant: north}\nmetadata_files: {authorization: %s}",
		address, certificate.CertFile, file), 5*time.Second)
	sent := <-got
	for name, want := range map[string]string{":authority": "svc.example.org", "x-tenant": "north", "authorization": secret, "x-synthetic-run": result.RunID} {
		if values := sent.Get(name); len(values) != 1 || values[0] != want {
			t.Errorf("%s is %q", name, values)
		}
	}
	if trace := sent.Get("traceparent"); len(trace) != 1 || !strings.Contains(trace[0], result.TraceID) {
		t.Errorf("traceparent is %q", trace)
	}
	if agent := sent.Get("user-agent"); len(agent) != 1 || !strings.HasPrefix(agent[0], "tocsin/") {
		t.Errorf("user-agent is %q", agent)
	}
	written, err := json.Marshal(result)
	if text := string(written) + fmt.Sprintf("%+v", result.Exchanges); err != nil || strings.Contains(text, "canary") || result.Reason != verdict.Status {
		t.Errorf("%s: %s", result.Reason, text)
	}
}

func TestPhasesAreTimedWhereTheyHappen(t *testing.T) {
	certificate := dialtest.Issue(t, nil)
	address := serve(t, healthy, grpc.Creds(credentials.NewServerTLSFromCert(&certificate.Pair)))
	result := run(t, fmt.Sprintf("address: %s\ntls: {ca_file: %s}", address, certificate.CertFile), 5*time.Second)
	var seen []string
	for _, step := range result.Steps {
		for name, phase := range map[string]*float64{"dns": step.Phases.DNS, "connect": step.Phases.Connect, "tls": step.Phases.TLS, "first byte": step.Phases.FirstByte} {
			if phase != nil {
				seen = append(seen, step.Name+": "+name)
			}
		}
	}
	if got := strings.Join(seen, ", "); got != "connect: connect, tls: tls, health: first byte" || result.CertExpiry.IsZero() {
		t.Errorf("phases %s, expiry %s", got, result.CertExpiry)
	}
}

func TestWhatIsWrongInAConfigurationIsNamedWithItsLine(t *testing.T) {
	for name, tc := range map[string]struct{ text, want string }{
		"no address":               {"service: a", `plan.yaml:1:1: key "address": is missing`},
		"no port":                  {"address: svc.example.org", `1:10: key "address": "svc.example.org" is no host:port`},
		"trust in plaintext":       {"address: a:1\nplaintext: true\ntls: {server_name: b}", `3:6: key "tls": is of no use in plaintext`},
		"days in plaintext":        {"address: a:1\nplaintext: true\nexpect: {certificate_days: 3}", "is of no use in plaintext"},
		"another status":           {"address: a:1\nexpect: {status: serving}", `2:18: key "expect.status": "serving" is no status; did you mean "SERVING"?`},
		"a secret in clear":        {"address: a:1\nmetadata: {Authorization: x}", `key "metadata.Authorization": is a secret`},
		"what gRPC sets":           {"address: a:1\nmetadata: {grpc-timeout: 1S}", "is set by gRPC itself"},
		"a file that is not there": {"address: a:1\nmetadata_files: {a: /no/such}", `key "metadata_files.a": file cannot be used`},
		"no authority":             {"address: a:1\nauthority: \"a b\"", "is no authority"},
		"a key alone":              {"address: a:1\ntls: {key_file: x}", `key "tls.key_file": stands without cert_file`},
	} {
		t.Run(name, func(t *testing.T) {
			_, problems := yamltest.Read[grpccheck.Config](t, tc.text)
			if len(problems) != 1 || !strings.Contains(problems[0], tc.want) {
				t.Errorf("got %q, want %s", problems, tc.want)
			}
		})
	}
}

func BenchmarkRun(b *testing.B) {
	cfg, _ := yamltest.Read[grpccheck.Config](b, "plaintext: true\naddress: "+serve(b, healthy))
	probe, err := grpccheck.New(journey.Config{}, "svc", cfg)
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
