// Package report tells an outcome: as JSON and JUnit for machines, as a table
// and as one self-contained HTML page for people. It changes no verdict.
package report
