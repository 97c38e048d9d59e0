// Package httpcheck owns the HTTP probe: one request over a connection of its
// own, and what is promised about the answer: its status, headers, size, time
// and body, with JSONPath (RFC 9535) where the body is JSON. It uses no proxy,
// keeps no connection and no cookie, and follows a redirect only when asked to.
package httpcheck
