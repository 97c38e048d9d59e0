package grpccheck

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"tocsin/internal/reach"
	"tocsin/internal/telemetry"
	"tocsin/internal/verdict"
	"tocsin/probes"
	"tocsin/probes/dial"
	"tocsin/probes/exchange"
	"tocsin/probes/journey"
)

// asking is one connection, and what came over it.
type asking struct {
	check *check
	run   *journey.Run
	sent  map[string]string

	connection net.Conn
	// state of TLS; nil in plaintext.
	state  *tls.ConnectionState
	expiry time.Time
	// status is what the answer says, or the code with which gRPC refused, and
	// message the words beside it.
	status, message string
}

func (a *asking) url() string { return "grpc://" + a.check.cfg.Address }

// connect makes the connection ourselves, so that each phase is a step and its
// errors stay what they are; gRPC would fold them into one sentence.
func (a *asking) connect(ctx context.Context) error {
	if err := a.step(ctx, "connect", func(watch *dial.Watch) (err error) {
		a.connection, err = a.check.dialer.Connect(ctx, watch)
		return err
	}); err != nil || a.check.cfg.Plaintext {
		return err
	}
	return a.step(ctx, "tls", func(watch *dial.Watch) error {
		secured, err := a.check.dialer.Secure(a.connection, watch)
		if err != nil {
			return err
		}
		state := secured.ConnectionState()
		a.connection, a.state, a.expiry = secured, &state, dial.Expiry(state)
		a.run.Expires(a.expiry)
		if state.NegotiatedProtocol != protocolTwo {
			return exchange.Brokenf(verdict.TLSHandshake, "TLS: %s agrees on no HTTP/2 (ALPN h2), which gRPC needs", a.check.cfg.Address)
		}
		return nil
	})
}

// ask calls Check.
func (a *asking) ask(ctx context.Context) error {
	return a.step(ctx, "health", func(watch *dial.Watch) error {
		watch.Begin(dial.Waiting)
		heard := &heard{Conn: a.connection}
		client, err := grpc.NewClient("passthrough:///"+a.check.cfg.Address, a.options(heard)...)
		if err != nil {
			return err
		}
		// The connection below is ours, and is closed by us as well.
		defer func() { _ = client.Close() }()
		if err := ready(ctx, client); err != nil {
			return a.noHTTP(ctx, heard)
		}
		// Without our deadline: a server that is told of it ends the call in the
		// same instant as we do, and chance decides whose timeout is reported.
		call, cancel := context.WithCancel(context.WithoutCancel(ctx))
		defer cancel()
		defer context.AfterFunc(ctx, cancel)()
		answer, err := healthpb.NewHealthClient(client).Check(a.mark(call), &healthpb.HealthCheckRequest{Service: a.check.cfg.Service})
		if err == nil {
			watch.FirstByte()
			a.status = answer.GetStatus().String()
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if broken := heard.failure(); broken != nil && status.Code(err) == codes.Unavailable {
			return broken
		}
		watch.FirstByte()
		a.status, a.message = nameOf(status.Code(err)), shortened(status.Convert(err).Message(), a.sent)
		return nil
	})
}

func (a *asking) options(heard net.Conn) []grpc.DialOption {
	var once sync.Once
	options := []grpc.DialOption{
		grpc.WithAuthority(a.check.cfg.Authority), grpc.WithUserAgent(telemetry.UserAgent), grpc.WithDisableRetry(), grpc.WithDisableServiceConfig(),
		grpc.WithContextDialer(func(context.Context, string) (connection net.Conn, err error) {
			err = errSecond
			once.Do(func() { connection, err = heard, nil })
			return connection, err
		}),
	}
	if a.state == nil {
		return append(options, grpc.WithTransportCredentials(insecure.NewCredentials()))
	}
	return append(options, grpc.WithTransportCredentials(secured{*a.state}))
}

// errSecond ends a second connection: a run has one.
var errSecond = errors.New("the connection has ended")

// errNoHTTP says that HTTP/2 did not begin.
var errNoHTTP = errors.New("HTTP/2 did not begin")

// ready waits until HTTP/2 has begun, which is when the other side has sent its
// settings.
func ready(ctx context.Context, client *grpc.ClientConn) error {
	client.Connect()
	for {
		state := client.GetState()
		switch state {
		case connectivity.Ready:
			return nil
		case connectivity.TransientFailure, connectivity.Shutdown:
			return errNoHTTP
		}
		if !client.WaitForStateChange(ctx, state) {
			return errNoHTTP
		}
	}
}

// noHTTP is why HTTP/2 did not begin.
func (a *asking) noHTTP(ctx context.Context, heard *heard) error {
	if broken := heard.failure(); broken != nil || ctx.Err() != nil {
		return errors.Join(broken, ctx.Err())
	}
	return exchange.Brokenf(verdict.Content, "what %s answers is not HTTP/2, which gRPC needs", a.check.cfg.Address)
}

// mark tells the target that the call is synthetic, and adds what is to be sent.
func (a *asking) mark(ctx context.Context) context.Context {
	header := make(http.Header, 3)
	a.run.Mark(header)
	header.Del("User-Agent")
	sent := metadata.New(a.sent)
	for name := range header {
		sent.Set(strings.ToLower(name), header.Get(name))
	}
	return metadata.NewOutgoingContext(ctx, sent)
}

// step makes one step that is one exchange over the connection.
func (a *asking) step(ctx context.Context, name string, act func(*dial.Watch) error) error {
	return a.run.Take(ctx, name, func(context.Context) error {
		watch, began := dial.Start(), time.Now()
		err := act(watch)
		hop := probes.Hop{Method: "GRPC", URL: a.url(), MS: watch.MS(), Phases: watch.Phases(), Started: began}
		a.run.Add(hop)
		if err == nil {
			return nil
		}
		failure := exchange.Explain(ctx, reach.Attempt{
			Host: a.check.cfg.Address, Timeout: a.run.Age(), Doing: watch.Doing(), Now: a.run.Now,
		}, err)
		a.remember(name, hop, exchange.SeenIn(err), failure)
		return failure
	})
}

// remember leaves for the evidence what certificates were seen.
func (a *asking) remember(step string, hop probes.Hop, refused *tls.ConnectionState, failure error) {
	seen := refused
	if a.state != nil {
		seen = a.state
	}
	a.run.Record(probes.Exchange{Step: step, Started: hop.Started, Hop: hop, URL: hop.URL, TLS: seen, Error: failure.Error()})
}

func (a *asking) close() {
	if a.connection != nil {
		// What was to be learned from the connection is known by then.
		_ = a.connection.Close()
	}
}

// shortened is what a server says, without what it was told in secret.
func shortened(message string, sent map[string]string) string {
	for _, value := range sent {
		message = strings.ReplaceAll(message, value, "[metadata]")
	}
	const most = 200
	if len(message) > most {
		return message[:most] + "…"
	}
	return message
}
