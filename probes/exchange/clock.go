package exchange

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/sys/unix"
)

// ClockSynchronised reports whether the kernel knows of a time service that
// keeps the clock of this machine right.
func ClockSynchronised() bool {
	state, err := unix.Adjtimex(&unix.Timex{})
	return err == nil && state != unix.TIME_ERROR
}

// Skew is how far the clock of this machine is ahead of the date in an answer.
// Dates have whole seconds, so it is right to about one second.
func Skew(now time.Time, header http.Header) (time.Duration, error) {
	date, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		return 0, fmt.Errorf("answer has no usable Date header: %w", err)
	}
	return now.Sub(date.Add(500 * time.Millisecond)), nil
}

// UnverifiedDate asks address for its date without checking the certificate.
// It serves one question only: whether a certificate was refused because of
// the target's certificate or because of our clock. Nothing is sent but a HEAD.
func (c *Client) UnverifiedDate(ctx context.Context, address string) (date time.Time, err error) {
	bounded, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(bounded, http.MethodHead, address, nil)
	if err != nil {
		return time.Time{}, fmt.Errorf("ask for the date: %w", err)
	}
	transport := c.transport.Clone()
	transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(request)
	if err != nil {
		return time.Time{}, fmt.Errorf("ask %s for the date: %w", request.URL.Host, err)
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	date, err = http.ParseTime(response.Header.Get("Date"))
	if err != nil {
		return time.Time{}, fmt.Errorf("date of %s: %w", request.URL.Host, err)
	}
	return date, nil
}
