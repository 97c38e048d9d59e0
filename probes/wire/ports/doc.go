// Package ports owns the sweep of a host's TCP ports from outside: those that
// are promised open must take a connection, and every other in the range must
// not. It asks only hosts that the plan names, at a bounded pace, and sends
// nothing over a connection it gets.
package ports
