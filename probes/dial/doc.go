// Package dial owns one fresh connection of a probe: its name resolved, the
// connection made, TLS agreed, each phase timed in a straight line and none of
// it cached. What is said over the connection is the caller's.
package dial
