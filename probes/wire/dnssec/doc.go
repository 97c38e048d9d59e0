// Package dnssec owns the validation of DNS answers: from a configured trust
// anchor down, it verifies every DS, DNSKEY and RRSIG, and for what is said not
// to be there the NSEC or NSEC3 records that prove it (RFC 4033 to 4035, 5155,
// 6840, 9276). It believes no resolver: their AD bit is never looked at. How a
// question reaches a server is the caller's.
package dnssec
