// Package decide owns whether a difference of two pictures is one that matters:
// the budgets of pixels that may differ, and what is known of differences that
// were seen before. It neither takes pictures nor knows where they are kept.
package decide
