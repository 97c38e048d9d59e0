package history

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

func TestASegmentKeepsWhenAndHowLong(t *testing.T) {
	hour := time.Date(2026, time.November, 1, 7, 0, 0, 0, time.UTC)
	random := rand.New(rand.NewPCG(1, 2))
	var runs []Run
	for index := range 120 {
		runs = append(runs, Run{At: hour.Add(time.Duration(index)*30*time.Second + 1500*time.Millisecond), MS: 300 * math.Exp(random.NormFloat64()/4), Interval: 30 * time.Second})
	}
	runs[7].At = runs[7].At.Add(-40 * time.Millisecond)
	runs[50].MS = 0
	runs[51].MS = math.Inf(1)
	runs[52].MS = math.NaN()
	for index := 60; index < 70; index++ {
		runs[index].Maintenance = "patching, zone a"
	}
	runs = append(runs, Run{At: hour.Add(59 * time.Minute), MS: 20, Interval: time.Hour})
	data := encodeSegment(runs)
	if len(data) > 220 {
		t.Errorf("121 runs take %d bytes", len(data))
	}
	decoded, err := segmentRuns(Series{Probe: "login"}, runs[0].hour(), data)
	if err != nil || len(decoded) != len(runs) {
		t.Fatalf("%d runs: %v", len(decoded), err)
	}
	byTime := make(map[time.Time]Run)
	for _, one := range decoded {
		byTime[one.At] = one
	}
	for index, want := range runs {
		got, ok := byTime[want.At]
		if !ok || got.Interval != want.Interval || got.Maintenance != want.Maintenance {
			t.Errorf("run %d: %+v, want %+v", index, got, want)
		}
		if want.MS > 0 && want.MS < 1e9 && math.Abs(got.MS/want.MS-1) > 0.0201 {
			t.Errorf("run %d took %v ms, want %v", index, got.MS, want.MS)
		}
	}
}

func TestASegmentThatIsCutOffIsSaid(t *testing.T) {
	data := encodeSegment([]Run{{At: time.UnixMilli(0), MS: 1, Interval: time.Second}, {At: time.UnixMilli(1000), MS: 900, Interval: time.Second}})
	for length := range len(data) {
		// The version alone is a segment of no run.
		if _, err := segmentRuns(Series{}, 0, data[:length]); err == nil && length != 1 {
			t.Errorf("%d of %d bytes are accepted", length, len(data))
		}
	}
}

func FuzzSegment(f *testing.F) {
	f.Add(int64(494_000), encodeSegment([]Run{{At: time.UnixMilli(0), MS: 1, Interval: time.Second}, {At: time.UnixMilli(990), MS: 900, Interval: time.Second}}))
	f.Fuzz(func(t *testing.T, hour int64, data []byte) {
		runs, err := segmentRuns(Series{}, hour%1_000_000, data)
		if err == nil && len(runs) > 8*len(data) {
			t.Fatalf("%d runs out of %d bytes", len(runs), len(data))
		}
	})
}

func FuzzSketch(f *testing.F) {
	f.Add(Sketch{3: 4, 100: 1}.encode())
	f.Fuzz(func(_ *testing.T, data []byte) {
		sketch := make(Sketch)
		if sketch.addEncoded(data) == nil {
			sketch.Quantile(0.5)
		}
	})
}

func TestQuantilesOfASketch(t *testing.T) {
	sketch := make(Sketch)
	for ms := 1; ms <= 1000; ms++ {
		sketch[binOf(float64(ms))]++
	}
	again := make(Sketch)
	if err := again.addEncoded(sketch.encode()); err != nil {
		t.Fatal(err)
	}
	for q, want := range map[float64]float64{0.001: 1, 0.5: 500, 0.99: 990, 1: 1000} {
		got, ok := again.Quantile(q)
		if !ok || math.Abs(got/want-1) > 0.03 {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
	if _, ok := (Sketch{}).Quantile(0.5); ok {
		t.Error("a quantile of nothing")
	}
}

func BenchmarkSegment(b *testing.B) {
	hour := time.Date(2026, time.November, 1, 7, 0, 0, 0, time.UTC)
	var runs []Run
	for index := range 120 {
		runs = append(runs, Run{At: hour.Add(time.Duration(index) * 30 * time.Second), MS: 300 * math.Exp(rand.NormFloat64()/4), Interval: 30 * time.Second})
	}
	b.Run("encode", func(b *testing.B) {
		for b.Loop() {
			encodeSegment(runs)
		}
	})
	data := encodeSegment(runs)
	b.Run("decode", func(b *testing.B) {
		for b.Loop() {
			if err := decodeSegment(runs[0].hour(), data, func(block) {}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
