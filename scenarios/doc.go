// Package scenarios owns the words in which a scenario's outcome is told: its
// expectations, fault, alerts, timings and verdict. The parts that make them
// live below: spec (the file), engine (what happens), assess (what it means),
// load, ledger, report. It is the only place of the harness, besides the
// commands, where load, probes, faults and alerts meet.
package scenarios
