// Package page renders the pages that people see: login, consent and errors.
// They are plain HTML with one style sheet, work without scripts, and hold no
// logic of a login. Words come from text files by language and may be
// overridden.
package page
