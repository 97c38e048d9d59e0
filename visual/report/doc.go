// Package report owns the page that shows a person what a check of a page found:
// the pictures beside each other, flickering, under a slider, and the difference
// in words. It is one HTML file beside the pictures, without any script, and
// reads from nowhere else. It decides nothing.
package report
