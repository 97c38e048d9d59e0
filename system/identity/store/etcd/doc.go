// Package etcd keeps in a quorum of zones what may happen once: marks of what
// was used, the generation of each family of refresh tokens, revocations, and
// the key ring. A zone that dies costs an election, about a second.
//
// Everything is one transaction that depends on what was there before, so it
// can be repeated at any member, also while an earlier try is still on its way:
// whichever is applied first changes what the others depend on. Keys end with
// leases, which are shared by many of them, so that a mark costs one write.
package etcd
