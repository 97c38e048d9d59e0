// Package capture owns taking one picture of one page: a Chromium of its own,
// a relay through which that Chromium reaches the target and nothing else is
// trusted, and the protocol that waits until the page has settled. The same
// page in the same environment gives the same pixels. What the picture should
// look like is not known here.
package capture
