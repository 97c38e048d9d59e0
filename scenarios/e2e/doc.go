// Package e2e runs the whole story on real parts: it brings up a lab of its own,
// beside whatever else runs on the machine, and uses the programs the way a
// person would. It knows both sides only by their commands.
//
// The tests are behind the build tag e2e: make test-e2e.
package e2e
