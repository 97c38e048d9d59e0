package host_test

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"tocsin/system/authenticator"
)

// BenchmarkAuthenticate reports the CPU of both processes for one call.
func BenchmarkAuthenticate(b *testing.B) {
	h := start(b, config(b))
	child := pid(b, h)
	before := cpu(b, child)
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		if _, err := h.Authenticate(b.Context(), attempt("wrong")); !errors.Is(err, authenticator.ErrMismatch) {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	b.ReportMetric((cpu(b, child)-before)/float64(b.N), "cpu-µs/op")
}

// cpu returns the time that this process and child have used, in microseconds.
func cpu(b *testing.B, child int) float64 {
	b.Helper()
	var own syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &own); err != nil {
		b.Fatal(err)
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(child) + "/stat")
	if err != nil {
		b.Fatal(err)
	}
	// Fields 14 and 15 of proc_pid_stat(5), in ticks of 10 ms; the second field
	// ends with the bracket.
	_, rest, _ := strings.Cut(string(stat), ") ")
	total := float64(own.Utime.Nano()+own.Stime.Nano()) / 1e3
	for _, field := range strings.Fields(rest)[11:13] {
		ticks, err := strconv.ParseFloat(field, 64)
		if err != nil {
			b.Fatal(err)
		}
		total += ticks * 10_000
	}
	return total
}
