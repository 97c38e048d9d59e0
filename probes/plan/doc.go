// Package plan owns the plan file: what is probed and when, where the target
// file says only where the system is. Without a plan file, a plan follows from
// the target alone. It makes probes and their times out of both, checks the
// file completely when it is loaded, and runs nothing.
package plan
