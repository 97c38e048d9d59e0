// Package install puts rules and routing in force: it writes the files that
// Prometheus and Alertmanager read, makes them read them, and asks them whether
// they did. What is in the files is not its business. A file that is refused
// is put back as it was.
package install
