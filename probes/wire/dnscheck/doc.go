// Package dnscheck owns the check of a name in DNS: the records it must have at
// each server that is asked, one serial at all servers of its zone, and DNSSEC
// from a trust anchor down (probes/wire/dnssec). It asks servers directly, and
// never what this machine's resolver makes of their answers.
package dnscheck
