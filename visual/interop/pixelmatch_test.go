//go:build interop

package interop

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"tocsin/visual/compare"
	"tocsin/visual/corpus"
)

// TestCountsAreThoseOfPixelmatch allows a difference of 0.1 %; there is none.
func TestCountsAreThoseOfPixelmatch(t *testing.T) {
	pairs := sameSize(t)
	folder := t.TempDir()
	for i, pair := range pairs {
		save(t, filepath.Join(folder, fmt.Sprintf("%d-before.png", i)), pair.Before)
		save(t, filepath.Join(folder, fmt.Sprintf("%d-now.png", i)), pair.Now)
	}
	output, err := exec.CommandContext(t.Context(), "node", "pixelmatch.mjs", folder, fmt.Sprint(len(pairs))).Output()
	if err != nil {
		t.Fatalf("%v: run `make test-interop`, which installs pixelmatch", err)
	}
	lines := bufio.NewScanner(bytes.NewReader(output))
	equal, counted := 0, 0
	for _, pair := range pairs {
		if !lines.Scan() {
			t.Fatal("pixelmatch counted less pairs than there are")
		}
		var want []int
		if err := json.Unmarshal(lines.Bytes(), &want); err != nil || len(want) != 12 {
			t.Fatalf("%s: %v %v", pair.Name, want, err)
		}
		for i, got := range counts(t, pair) {
			counted++
			if got == want[i] {
				equal++
			}
			if math.Abs(float64(got-want[i])) > 0.001*float64(want[i]) {
				t.Errorf("%s, setting %d: %d, pixelmatch counts %d", pair.Name, i, got, want[i])
			}
		}
	}
	t.Logf("%d of %d counts of %d pairs are equal", equal, counted, len(pairs))
}

// comparable are the pairs of equal sizes: pixelmatch takes no others.
func sameSize(t *testing.T) (pairs []corpus.Pair) {
	t.Helper()
	all, err := corpus.Pairs()
	if err != nil {
		t.Fatal(err)
	}
	for _, pair := range all {
		if pair.Before.Rect == pair.Now.Rect {
			pairs = append(pairs, pair)
		}
	}
	return pairs
}

// counts are those of pixelmatch.mjs, in its order.
func counts(t *testing.T, pair corpus.Pair) (found []int) {
	t.Helper()
	for _, metric := range []compare.Metric{compare.YIQ, compare.OKLab} {
		for _, threshold := range []float64{0.05, 0.1, 0.2} {
			for _, countSoft := range []bool{false, true} {
				outcome, err := compare.Images(pair.Before, pair.Now, compare.Options{Metric: metric, Threshold: threshold, CountAntialiased: countSoft})
				if err != nil {
					t.Fatal(err)
				}
				found = append(found, outcome.Changed)
			}
		}
	}
	return found
}

func save(t testing.TB, path string, picture *image.NRGBA) {
	t.Helper()
	file, err := compare.EncodePNG(picture)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
}
