// Package compare owns the judgement of two pictures of the same page: how many
// pixels a person would see as changed, and where. It needs no browser and
// touches no disk; what a difference means is decided by its caller.
//
// Colours and anti-aliasing are judged as by mapbox/pixelmatch 7.2.0, or 8.0.0
// where that is asked for, count for count, so that figures can be held against
// the field's own.
package compare
