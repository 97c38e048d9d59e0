// Package engine performs a scenario: steady state, load, fault, hold, revert,
// recovery, audit. It decides when things happen and writes down what was seen;
// what that means is decided by assess. Whatever happens, the fault is reverted.
package engine
