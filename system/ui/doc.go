// Package ui is the component that shows people the pages of a login, of
// signing out, and of a simulated wallet. It renders HTML, guards its forms,
// and passes each step on to the provider of its zone, or of another when that
// does not answer. It keeps no state and no keys: a login is a sealed cookie of
// the browser that only providers can open.
package ui
