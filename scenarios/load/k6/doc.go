// Package k6 owns the k6 process: finding the program, running the login
// scripts in it, and reading back what it saw. k6 is executed, never linked
// (its licence is the AGPL-3.0), and its own pass or fail is not believed: k6
// exits 0 when nothing ran at all (grafana/k6#4283).
package k6
