// Package capture owns taking one picture of one page: the protocol that waits
// until the page has settled. The same page in the same environment gives the
// same pixels. What the picture should look like is not known here.
package capture
