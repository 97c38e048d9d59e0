// Package etcd keeps authorization codes in a quorum, where a zone that dies
// costs a second and not a failover.
//
// Storing a code and redeeming it are one transaction each. Redeeming writes a
// mark that names the attempt, so an attempt whose answer was lost can be made
// again and finds its own mark. Codes share leases by time, so that a code
// costs one write.
package etcd
