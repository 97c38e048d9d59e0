// Package console owns the web page of Tocsin: what is up now, what failed and
// why, what the last scenarios proved, and whether the bell was heard. It shows
// the journal, and what the parts of the daemon say of now: whatever it holds in
// memory is a projection that a restart rebuilds. It loads nothing from elsewhere,
// and changes nothing but, where it is allowed to, what a person decides about
// the pictures of pages, which it hands to Reviews.
package console
