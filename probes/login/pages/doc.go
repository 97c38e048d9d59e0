// Package pages is the login driver for HTML pages that need no JavaScript: it
// follows redirects, fills in forms and consents, as a browser with scripts
// switched off would. What a form is for is told by probes/form.
package pages
