// Package explain owns what the difference of two pages is in words: which text
// says something else, what appeared, moved or has another colour, and which
// error a person is shown. It compares what pages consist of, never pixels, and
// does not judge: a difference without words is still a difference.
package explain
