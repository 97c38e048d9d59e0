// Package otp owns how one-time codes come to the synthetic person: computed
// (RFC 6238), or sent to a file, a mailbox or a webhook. It reads messages that
// came after a login began and forgets them; it never sends a code anywhere,
// and no code is in an error of it.
package otp
