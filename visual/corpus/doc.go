// Package corpus owns pairs of pictures of which it is known whether a person
// calls them the same. What judges pictures is held against all of them: against
// what is known, and against the counts of other programs.
//
// Most are drawn, so that what they show can be read here; some were rendered by
// Chromium from testdata/base.html and variations of it.
package corpus
