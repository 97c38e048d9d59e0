// Package tlscheck owns the check of a TLS server against a named policy: which
// versions, cipher suites, groups and certificates it uses, and that it refuses
// those it must not. What Go's own client cannot offer is offered by a
// ClientHello made here and read off the server's first answer, which is in
// clear. It also asks whether certificates are revoked. It sends nothing over a
// connection once TLS is agreed.
package tlscheck
