// Package host is the lab's process outside its namespaces: it checks the
// machine, holds the ports people use, starts the region and ends with it. It
// changes nothing of the host but its own state folder.
package host
