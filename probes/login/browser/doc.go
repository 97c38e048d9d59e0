// Package browser is the login driver for pages that need JavaScript: it goes
// through the login in a Chromium, typing and pressing as a person does. What
// is seen of a page is told as probes/form tells it, so that the same rules
// find its fields. The redirect URI is recognised on its way to the network,
// and never fetched.
package browser
