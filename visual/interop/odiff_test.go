//go:build interop

package interop

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"tocsin/visual/corpus"
)

// BenchmarkWholeProcess times `tocsin visual compare` beside odiff, each from start
// to exit, in turn on the same files: odiff as npm installs it, which Node.js starts,
// and its native program alone. It prints medians in ms. Peak memory it cannot see: what
// the kernel counts for a process begins with the memory of the one that started it.
func BenchmarkWholeProcess(b *testing.B) {
	folder := b.TempDir()
	tocsin := filepath.Join(folder, "tocsin")
	if output, err := exec.CommandContext(b.Context(), "go", "build", "-buildvcs=false", "-o", tocsin, "tocsin/cmd/front").CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, output)
	}
	natives, err := filepath.Glob("node_modules/@odiff/*/odiff")
	if err != nil || len(natives) == 0 {
		b.Fatal("odiff is not installed: run `make bench-visual`, which installs it")
	}
	for _, height := range []int{1080, 6000} {
		files := written(b, folder, height)
		for name, now := range files[1:] {
			kind := []string{"differ", "equal bytes", "equal pixels"}[name]
			commands := map[string][]string{
				"tocsin":       {tocsin, "visual", "compare", files[0], now},
				"odiff":        {"node", "node_modules/odiff-bin/bin/odiff", files[0], now, "--aa"},
				"odiff-native": {natives[0], files[0], now, "--aa"},
			}
			b.Run(fmt.Sprintf("1920x%d/%s", height, kind), func(b *testing.B) { race(b, commands) })
		}
	}
}

// race runs the commands in turn.
func race(b *testing.B, commands map[string][]string) {
	took := map[string][]float64{}
	for b.Loop() {
		for name, command := range commands {
			started := time.Now()
			run := exec.CommandContext(b.Context(), command[0], command[1:]...)
			var failed *exec.ExitError
			if err := run.Run(); err != nil && !errors.As(err, &failed) {
				b.Fatal(err)
			}
			took[name] = append(took[name], float64(time.Since(started).Microseconds())/1000)
		}
	}
	median := func(name string) float64 {
		slices.Sort(took[name])
		return took[name][len(took[name])/2]
	}
	for name := range commands {
		b.ReportMetric(median(name), name+"-ms")
	}
	b.ReportMetric(median("tocsin")/median("odiff"), "of-odiff")
	b.ReportMetric(median("tocsin")/median("odiff-native"), "of-odiff-native")
	b.ReportMetric(0, "ns/op")
}

// written returns a picture of a page full of forms, one that differs in places, one
// with the same bytes, and one with the same pixels in other bytes.
func written(b *testing.B, folder string, height int) []string {
	b.Helper()
	pairs, err := corpus.Pairs()
	if err != nil {
		b.Fatal(err)
	}
	before, now := image.NewNRGBA(image.Rect(0, 0, 1920, height)), image.NewNRGBA(image.Rect(0, 0, 1920, height))
	for i := range len(before.Pix) {
		before.Pix[i], now.Pix[i] = 255, 255
	}
	tile := 0
	for y := 0; y < height; y += 420 {
		for x := 0; x+420 <= 1920; x += 420 {
			pair := pairs[tile*7%len(pairs)]
			paste(before, pair.Before, x, y)
			paste(now, pair.Now, x, y)
			tile++
		}
	}
	var paths []string
	for _, file := range []struct {
		name  string
		shown *image.NRGBA
		level png.CompressionLevel
	}{
		{"before", before, png.DefaultCompression}, {"now", now, png.DefaultCompression},
		{"copy", before, png.DefaultCompression}, {"other", before, png.BestSpeed},
	} {
		var encoded bytes.Buffer
		encoder := png.Encoder{CompressionLevel: file.level}
		if err := encoder.Encode(&encoded, file.shown); err != nil {
			b.Fatal(err)
		}
		path := filepath.Join(folder, fmt.Sprintf("%s-%d.png", file.name, height))
		if err := os.WriteFile(path, encoded.Bytes(), 0o600); err != nil {
			b.Fatal(err)
		}
		paths = append(paths, path)
	}
	return paths
}

func paste(into, from *image.NRGBA, x, y int) {
	for row := 0; row < from.Rect.Dy() && y+row < into.Rect.Dy(); row++ {
		copy(into.Pix[into.PixOffset(x, y+row):], from.Pix[row*from.Stride:][:from.Stride])
	}
}
