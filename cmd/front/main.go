// Command front is what stands in bin as tocsin. It compares two pictures by
// itself, for which it starts in a third of the time that all of Tocsin needs,
// and becomes tocsin-harness, beside it, for everything else: also to say what
// is wrong with a command line or a picture, so that there is one voice for it.
package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"github.com/spf13/pflag"

	"tocsin/internal/verdict"
	"tocsin/visual/comparison"
)

// harness is the file name of the whole program.
const harness = "tocsin-harness"

func main() {
	if code, compared := compare(os.Args[1:], os.Stdout); compared {
		os.Exit(code)
	}
	err := become(harness)
	fmt.Fprintln(os.Stderr, "tocsin:", err)
	os.Exit(verdict.ExitUnknown)
}

// compare does visual compare where nothing stands against it.
func compare(arguments []string, stdout io.Writer) (code int, compared bool) {
	if len(arguments) < 2 || arguments[0] != "visual" || arguments[1] != "compare" {
		return 0, false
	}
	var asked comparison.Comparison
	flags := pflag.NewFlagSet("compare", pflag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Usage = func() {}
	flags.BoolVar(&asked.JSON, "json", false, "")
	asked.Bind(flags)
	if flags.Parse(arguments[2:]) != nil || asked.Check(flags.Args()...) != nil {
		return 0, false
	}
	outcome, err := asked.Run()
	if err != nil || asked.Print(stdout, outcome) != nil {
		return 0, false
	}
	if outcome.Same() {
		return verdict.ExitPass, true
	}
	return verdict.ExitFail, true
}

// become replaces this process by the program of that name in the same folder.
// It returns only when it cannot.
func become(name string) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find %s: %w", name, err)
	}
	program := filepath.Join(filepath.Dir(self), name)
	if err := syscall.Exec(program, os.Args, os.Environ()); err != nil {
		return fmt.Errorf("start %s: %w (`make build` puts it there; the two belong together)", program, err)
	}
	return nil
}
