// Package wire owns how the system's services listen, dial and close: mutual
// TLS, bounds on time and size, noticing peers that vanish without a goodbye,
// and draining. It never looks into what a request says.
package wire
