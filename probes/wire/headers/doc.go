// Package headers owns the check of security headers: it asks a list of routes
// and error pages, and judges every answer by a named policy. What a header
// means is decided by pure functions over the answer; it follows no redirect,
// fills in no form and never judges what the page looks like.
package headers
