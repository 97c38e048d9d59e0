// Package page renders the pages that people see: the steps of a login,
// consent, signing out, a simulated wallet, and errors. They are plain HTML
// with one style sheet, work without scripts, and hold no logic of a login.
// Words come from text files by language and may be overridden; templates are
// compiled once per language, so that only what a page is about is filled in
// when it is asked for.
package page
