// Package reload owns taking over a changed configuration while Tocsin runs:
// when to look, one attempt at a time, and what is said about it. What a
// configuration is and how it is put in force is the caller's, who leaves the
// old one in force when the new one is bad.
//
// Files are compared by their contents, so that it does not matter how they came
// to be changed: an editor, a copy that keeps times, or a link that was turned.
package reload
