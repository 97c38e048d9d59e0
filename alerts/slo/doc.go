// Package slo owns service level objectives that are measured by probes: the
// file that states one, the arithmetic of burn rates, and the Prometheus rules
// that follow from them. It is pure: it asks no Prometheus and reads no clock.
//
// The alerts are those of the Site Reliability Workbook, chapter 5,
// "Multiwindow, Multi-Burn-Rate Alerts". A probe runs a few thousand times a
// day, not a million times a minute, so two things are added: a page needs a
// minimum number of failed runs, and fast alerts watch the runs themselves,
// because a burn rate is slow to see an outage in so little traffic.
package slo
