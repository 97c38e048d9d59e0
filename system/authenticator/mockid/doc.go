// Package mockid is an ID system for labs and tests: persons from a file, and
// ranges of synthetic ones for load, with PINs, one-time codes, claims and
// portraits. It keeps nothing: all it needs follows from the files and a
// secret, so that each zone runs its own and all give the same answers.
package mockid
