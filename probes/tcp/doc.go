// Package tcpcheck owns the TCP probe: one connection to one address, TLS over
// it at once or when the protocol asks for it, and a dialogue of what is sent
// and what must be answered. It knows no protocol beyond how some of them change
// to TLS; what is said is the configuration's.
package tcpcheck
