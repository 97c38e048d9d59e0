package tlscheck

import (
	"context"
	"crypto/tls"
	"time"

	"tocsin/internal/reach"
	"tocsin/probes"
	"tocsin/probes/exchange"
	"tocsin/probes/journey"
)

// handshake completes one handshake and hangs up. Certificates are judged
// later, so it accepts any, and whatever Go can speak: what is weak is told by
// the scan, and must not hide the rest.
func (c *check) handshake(ctx context.Context, run *journey.Run) (tls.ConnectionState, error) {
	bounded, cancel := context.WithTimeout(ctx, c.dialer.timeout)
	defer cancel()
	hop := probes.Hop{Method: "TLS", URL: "tls://" + c.cfg.Address}
	started, doing := time.Now(), "while connecting"
	defer func() {
		hop.MS = float64(time.Since(started).Microseconds()) / 1000
		run.Add(hop)
	}()
	connection, err := c.dialer.connect(bounded)
	if err != nil {
		return tls.ConnectionState{}, c.explain(ctx, doing, err)
	}
	// The handshake is over, one way or the other.
	defer func() { _ = connection.Close() }()
	connected := time.Now()
	hop.Phases.Connect = seconds(connected.Sub(started))
	doing = "during the TLS handshake"
	secured := tls.Client(connection, &tls.Config{
		ServerName: c.dialer.name, InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, CipherSuites: everySuite(), Time: c.now,
	})
	if err := secured.HandshakeContext(bounded); err != nil {
		return tls.ConnectionState{}, c.explain(ctx, doing, err)
	}
	hop.Phases.TLS = seconds(time.Since(connected))
	return secured.ConnectionState(), nil
}

func everySuite() (all []uint16) {
	for _, known := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		all = append(all, known.ID)
	}
	return all
}

func (c *check) explain(ctx context.Context, doing string, err error) error {
	return exchange.Explain(ctx, reach.Attempt{Host: c.cfg.Address, Timeout: c.dialer.timeout, Doing: doing, Now: c.now}, err)
}

func seconds(d time.Duration) *float64 {
	value := d.Seconds()
	return &value
}
