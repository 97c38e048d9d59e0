// Package browser owns the machine's Chromium: it finds and starts one with a
// profile that is thrown away, gives each tab a network of its own through
// which it reaches a target and nothing else is trusted, bounds its memory, and
// ends all its processes, whatever happens to this one. What a page is opened
// for, and what it should look like, is not known here.
package browser
