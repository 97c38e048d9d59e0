// Package checks owns the file that says which pages are pictured, in which
// states and as whom: each page times its states, viewports, schemes and
// locales is one picture. It takes none, and does not know what they should
// look like.
package checks
