// Package ui is the component that shows people the pages of a login. It
// renders HTML, guards its forms, and passes each step on to the provider. It
// keeps no state: the provider's login transaction is all there is.
package ui
