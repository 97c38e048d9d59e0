// Package statuslist publishes which credentials are revoked, as a Token Status
// List: a signed file that anybody may copy. Verifiers need it long after
// issuing, so it depends on nothing when it is asked for: it is served from
// memory, which is filled from a folder at start, and what is published stays
// published through the loss of the database, the HSM and this process. It is
// renewed when a credential is revoked and at half its time to live, and never
// pretends to be newer than what is known.
package statuslist
