package inflate

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"testing"
	"testing/iotest"
)

// texts are inputs whose compressed forms use every kind of block.
func texts() map[string][]byte {
	noise := make([]byte, 200_000)
	seed := uint32(1)
	for i := range noise {
		seed = seed*1664525 + 1013904223
		noise[i] = byte(seed >> 24)
	}
	skewed := make([]byte, 300_000)
	for i := range skewed {
		seed = seed*1664525 + 1013904223
		for v := seed; v&1 == 1; v >>= 1 {
			skewed[i]++
		}
		skewed[i] *= 7
	}
	return map[string][]byte{
		"nothing": {}, "one byte": {7}, "zeros": make([]byte, 500_000), "noise": noise, "skewed": skewed,
		"periods": bytes.Repeat([]byte("abc"), 70_000), "far matches": bytes.Repeat(noise[:32<<10], 3),
	}
}

func compressed(t testing.TB, text []byte, level int) []byte {
	t.Helper()
	var file bytes.Buffer
	writer, err := flate.NewWriter(&file, level)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := writer.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// all reads a stream by pieces of the given size, and what is left by ones.
func all(source io.Reader, piece int) (text []byte, err error) {
	r := New(source, piece)
	for {
		part, err := r.Next(piece)
		switch {
		case errors.Is(err, io.EOF):
			return text, nil
		case errors.Is(err, io.ErrUnexpectedEOF) && piece > 1:
			piece = 1
		case err != nil:
			return text, err
		default:
			text = append(text, part...)
		}
	}
}

func TestTextsAreRestored(t *testing.T) {
	for name, text := range texts() {
		for _, level := range []int{flate.NoCompression, flate.BestSpeed, flate.DefaultCompression, flate.BestCompression, flate.HuffmanOnly} {
			file := compressed(t, text, level)
			for _, piece := range []int{1, 5761, 100_000} {
				got, err := all(bytes.NewReader(file), piece)
				if err != nil || !bytes.Equal(got, text) {
					t.Errorf("%s at level %d by %d: %d bytes of %d, %v", name, level, piece, len(got), len(text), err)
				}
			}
			got, err := all(iotest.OneByteReader(bytes.NewReader(file)), 1000)
			if err != nil || !bytes.Equal(got, text) {
				t.Errorf("%s at level %d from a slow source: %d bytes of %d, %v", name, level, len(got), len(text), err)
			}
		}
	}
}

func TestEveryTruncationIsNoticed(t *testing.T) {
	for name, text := range texts() {
		file := compressed(t, text[:min(len(text), 3000)], flate.DefaultCompression)
		for n := range len(file) {
			if got, err := all(bytes.NewReader(file[:n]), 1); err == nil {
				t.Fatalf("%s cut after %d of %d bytes gives %d bytes without an error", name, n, len(file), len(got))
			}
		}
	}
}

func TestErrorOfTheSourceIsPassedOn(t *testing.T) {
	broken := errors.New("disk is gone")
	file := compressed(t, texts()["noise"], flate.BestSpeed)
	source := io.MultiReader(bytes.NewReader(file[:len(file)/2]), iotest.ErrReader(broken))
	if _, err := all(source, 10); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

// FuzzReader holds the reader against the standard library's.
func FuzzReader(f *testing.F) {
	for _, text := range texts() {
		text = text[:min(len(text), 2000)]
		for _, level := range []int{0, 1, 9, flate.HuffmanOnly} {
			f.Add(compressed(f, text, level))
		}
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		const most = 1 << 20
		want, wantErr := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(file)), most))
		if len(want) == most {
			return
		}
		got, err := all(bytes.NewReader(file), 1)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("error %v, the standard library's is %v", err, wantErr)
		}
		if err == nil && !bytes.Equal(got, want) {
			t.Fatalf("%d bytes differ from the %d of the standard library", len(got), len(want))
		}
	})
}

func BenchmarkReader(b *testing.B) {
	for name, text := range texts() {
		file := compressed(b, text, flate.DefaultCompression)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				r := New(bytes.NewReader(file), 5761)
				for _, err := r.Next(5761); err == nil; _, err = r.Next(5761) {
				}
			}
		})
	}
}
