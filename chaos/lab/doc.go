// Package lab injects faults into the lab through its control socket. What a
// fault does there is the lab's business; this package only speaks for it.
package lab
