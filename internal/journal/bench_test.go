package journal_test

import (
	"encoding/json"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"tocsin/internal/journal"
)

// BenchmarkAppend shows what it costs to wait for one's own event to be on
// disk, and how many events a second are taken when many wait at once. Payloads
// are of the size of a login without its exchanges.
func BenchmarkAppend(b *testing.B) {
	payload := json.RawMessage(`"` + strings.Repeat("x", 1200) + `"`)
	for _, writers := range []int{1, 16, 128, 1024} {
		b.Run("writers="+strconv.Itoa(writers), func(b *testing.B) {
			j, err := journal.Open(b.Context(), filepath.Join(b.TempDir(), "journal.db"))
			if err != nil {
				b.Fatal(err)
			}
			b.ResetTimer()
			var next atomic.Int64
			var group sync.WaitGroup
			for range writers {
				group.Go(func() {
					for next.Add(1) <= int64(b.N) {
						if _, err := j.Append(b.Context(), journal.Event{Kind: journal.KindProbeRun, RunID: "20261101-120000-0a1b2c3d", Payload: payload}); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			group.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
			b.StopTimer()
			if err := j.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// BenchmarkAppendAll shows what one writer reaches that hands over what it has
// gathered.
func BenchmarkAppendAll(b *testing.B) {
	payload := json.RawMessage(`"` + strings.Repeat("x", 1200) + `"`)
	for _, together := range []int{10, 100, 1000} {
		b.Run("together="+strconv.Itoa(together), func(b *testing.B) {
			j, err := journal.Open(b.Context(), filepath.Join(b.TempDir(), "journal.db"))
			if err != nil {
				b.Fatal(err)
			}
			batch := make([]journal.Event, together)
			for index := range batch {
				batch[index] = journal.Event{Kind: journal.KindProbeRun, RunID: "20261101-120000-0a1b2c3d", Payload: payload}
			}
			for b.Loop() {
				if _, err := j.AppendAll(b.Context(), batch); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N*together)/b.Elapsed().Seconds(), "events/s")
			if err := j.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}
