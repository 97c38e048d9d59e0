package provider

import (
	"crypto/tls"
	"net/http"
	"time"
)

// attemptTimeout bounds one request. The caller retries.
const attemptTimeout = 5 * time.Second

// HTTPClient returns a client that trusts what settings say and follows no
// redirect.
func HTTPClient(settings *tls.Config) *http.Client {
	return &http.Client{
		Timeout: attemptTimeout,
		Transport: &http.Transport{
			TLSClientConfig: settings, MaxIdleConnsPerHost: 16, IdleConnTimeout: 30 * time.Second,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
