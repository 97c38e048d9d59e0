package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"tocsin/internal/target"
	"tocsin/internal/telemetry"
	"tocsin/internal/verdict"
	"tocsin/probes"
	"tocsin/probes/exchange"
)

// Issuer checks the way to the target with its discovery probe.
func Issuer(probe probes.Probe) Check {
	return Check{Name: "issuer", Run: func(ctx context.Context) Finding {
		result := probe.Run(ctx)
		switch {
		case result.Verdict.Good():
			return Good(fmt.Sprintf("answers, in %.0f ms", result.MS))
		case result.Verdict == verdict.Unknown:
			return Ours(result.Detail, "mend this machine first")
		default:
			return Theirs(result.Detail, "check the address and tls.ca_file in the target file; then ask who runs the target")
		}
	}}
}

// warnBefore is how long before its expiry a certificate is worth a word.
const warnBefore = 14 * 24 * time.Hour

// Certificate checks how long the certificates that the probe sees are good.
func Certificate(probe probes.Probe) Check {
	return Check{Name: "certificate", Run: func(ctx context.Context) Finding {
		result := probe.Run(ctx)
		if result.CertExpiry.IsZero() {
			return Ours("no certificate was seen: "+result.Detail, "see the check of the issuer")
		}
		left := time.Until(result.CertExpiry)
		found := fmt.Sprintf("expires %s, in %d days", result.CertExpiry.Format(time.DateOnly), int(left.Hours()/24))
		// The lab's certificates are young and short; a day is enough there.
		if left < 24*time.Hour {
			return Theirs(found, "renew it now")
		}
		if left < warnBefore {
			return Good(found + ": renew it soon")
		}
		return Good(found)
	}}
}

// maxSkew is how far the clocks may be apart before tokens are refused.
const maxSkew = 5 * time.Second

// Clock compares our clock with the target's Date header.
func Clock(t *target.Target) Check {
	return Check{Name: "clock", Run: func(ctx context.Context) Finding {
		skew, err := measureSkew(ctx, t)
		if err != nil {
			return Ours(err.Error(), "see the check of the issuer")
		}
		synchronised := "nothing is known to synchronise it"
		if exchange.ClockSynchronised() {
			synchronised = "it is synchronised"
		}
		found := fmt.Sprintf("%.1f s from the target's; %s", skew.Seconds(), synchronised)
		if skew.Abs() > maxSkew {
			return Ours(found, "start a time service here (chrony); if this clock is right, the target's is wrong")
		}
		return Good(found)
	}}
}

func measureSkew(ctx context.Context, t *target.Target) (time.Duration, error) {
	roots, err := t.Roots()
	if err != nil {
		return 0, fmt.Errorf("compare clocks: %w", err)
	}
	client, err := exchange.New(exchange.Config{Roots: roots, Trace: telemetry.NewTrace(), RunID: telemetry.RunID()})
	if err != nil {
		return 0, fmt.Errorf("compare clocks: %w", err)
	}
	defer client.Close()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, t.Issuer+"/.well-known/openid-configuration", nil)
	if err != nil {
		return 0, fmt.Errorf("compare clocks: %w", err)
	}
	reply, _, err := client.Do(ctx, request)
	if err != nil {
		return 0, fmt.Errorf("compare clocks: %w", err)
	}
	skew, err := exchange.Skew(time.Now(), reply.Header)
	if err != nil {
		return 0, fmt.Errorf("compare clocks: %w", err)
	}
	return skew, nil
}

// Service checks that a server of the target answers at path with 200.
func Service(name, do, address string, t *target.Target) Check {
	return Check{Name: name, Run: func(ctx context.Context) Finding {
		if err := askService(ctx, address, t); err != nil {
			return Ours(err.Error(), do)
		}
		return Good(address + " is ready")
	}}
}

func askService(ctx context.Context, address string, t *target.Target) (err error) {
	settings, err := t.TLSConfig()
	if err != nil {
		return err
	}
	bounded, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(bounded, http.MethodGet, strings.TrimSuffix(address, "/")+"/-/ready", nil)
	if err != nil {
		return fmt.Errorf("ask %s: %w", address, err)
	}
	transport := &http.Transport{TLSClientConfig: settings}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return fmt.Errorf("ask %s: %w", address, err)
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", address, response.Status)
	}
	return nil
}
