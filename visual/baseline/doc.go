// Package baseline owns the pictures that a person approved: how they are
// stored, in which environment each was taken, and whether a later picture may
// be held against it at all. It neither takes nor judges pictures.
package baseline
