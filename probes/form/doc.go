// Package form owns the reading of HTML login and consent pages made without
// JavaScript: it finds the forms, says what each is for, and fills them in as a
// person with a browser would. It talks to nothing and keeps nothing.
package form
