// Package login owns what every way of logging in shares: who logs in, the
// request that is to be answered, and how the answer is recognised. The ways
// themselves, the drivers, live below it, one package each. It judges nothing
// that comes before the login or after it.
package login
