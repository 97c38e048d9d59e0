// Package baseline owns the pictures that a person approved: how they are
// stored, in a folder or in an object store, who decided what about them, in
// which environment each was taken, and whether a later picture may be held
// against it at all. It neither takes nor judges pictures.
package baseline
