package wire

import (
	"os"
	"runtime/debug"
)

// relaxed is the growth of the heap, in percent, after which it is collected.
const relaxed = 400

// spareCPU has the process collect garbage when its heap has grown fivefold
// and not twofold, unless the environment variable GOGC says otherwise. The
// heap of a service is a few megabytes: the memory costs less than the tenth of
// its CPU time that this saves.
func spareCPU() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(relaxed)
	}
}
