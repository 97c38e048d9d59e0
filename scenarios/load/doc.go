// Package load owns what a login under load is: the k6 scripts that perform it,
// the line each login leaves, and the figures made from the lines. It starts
// nothing; scenarios/load/k6 runs the scripts.
package load
