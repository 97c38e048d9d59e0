// Command tocsin proves that people can log in, and that they still can when a
// zone dies. This package is wiring and flags; what it wires lives in the
// packages it imports.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run is the whole program: it returns the exit code. Ctrl-C ends the context,
// so that every command leaves in order; a second one ends the process.
func run(arguments []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	return execute(ctx, arguments, stdout, stderr)
}
