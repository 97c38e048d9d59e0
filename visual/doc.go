// Package visual owns the question whether a page of the target still looks as
// a person approved it: it reaches the page by a fresh authorization request,
// has it pictured, judges the difference and leaves evidence. A verdict is pass
// only when a picture of the right page was taken and held against a baseline
// of the same environment.
package visual
