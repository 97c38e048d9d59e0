package checkpoint_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tocsin/probes/checkpoint"
)

func sample() checkpoint.Batch {
	offset := 12.5
	return checkpoint.Batch{
		Version: checkpoint.Version, Checkpoint: "b", Target: "staging", Boot: "20261128-020000-0a1b2c3d", Log: "20261128-020000-0a1b2c3d",
		Items: []checkpoint.Item{{Seq: 1, AgeMS: 5, IntervalMS: 5000, Result: json.RawMessage(`{"probe":"login"}`)}, {Seq: 3, Result: json.RawMessage(`{}`)}},
		Sent:  time.Date(2026, 11, 28, 2, 0, 0, 0, time.UTC),
		Status: checkpoint.Status{
			Program: "1", Plan: "x", Logs: []string{"20261128-020000-0a1b2c3d"}, Buffered: 2, OldestMS: 3, Dropped: 1, ClockOffsetMS: &offset,
		},
	}
}

func squeeze(t testing.TB, plain []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	writer := gzip.NewWriter(&out)
	if _, err := writer.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestABatchIsReadAsItWasWritten(t *testing.T) {
	encoded, err := sample().Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := checkpoint.Decode(bytes.NewReader(encoded))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sample(), got); diff != "" {
		t.Error(diff)
	}
}

func TestWhatNoCheckpointSaysIsRefused(t *testing.T) {
	many := make([]checkpoint.Item, checkpoint.MaxItems+1)
	for index := range many {
		many[index] = checkpoint.Item{Seq: int64(index + 1), Result: json.RawMessage(`{}`)}
	}
	cases := map[string]struct {
		change func(*checkpoint.Batch)
		want   string
	}{
		"another version":          {func(b *checkpoint.Batch) { b.Version = 2 }, "protocol version 2 is not 1"},
		"no name":                  {func(b *checkpoint.Batch) { b.Checkpoint = "" }, "cannot name a checkpoint"},
		"a name that is a path":    {func(b *checkpoint.Batch) { b.Checkpoint = "../ca" }, "cannot name a checkpoint"},
		"no boot":                  {func(b *checkpoint.Batch) { b.Boot = "" }, "is no id"},
		"items of no log":          {func(b *checkpoint.Batch) { b.Log = "" }, "is no id"},
		"a log with odd letters":   {func(b *checkpoint.Batch) { b.Log = "a/b" }, "is no id"},
		"numbers that do not grow": {func(b *checkpoint.Batch) { b.Items[1].Seq = 1 }, "numbers must grow"},
		"a number below one":       {func(b *checkpoint.Batch) { b.Items[0].Seq = 0 }, "numbers must grow"},
		"too many items":           {func(b *checkpoint.Batch) { b.Items = many }, "1001 items"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			batch := sample()
			c.change(&batch)
			encoded, err := batch.Encode()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := checkpoint.Decode(bytes.NewReader(encoded)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v", err)
			}
		})
	}
	t.Run("what is not compressed", func(t *testing.T) {
		if _, err := checkpoint.Decode(strings.NewReader("{}")); err == nil {
			t.Error("was taken")
		}
	})
	t.Run("a small file that grows without end", func(t *testing.T) {
		bomb := squeeze(t, bytes.Repeat([]byte(" "), checkpoint.MaxBytes+1))
		if _, err := checkpoint.Decode(bytes.NewReader(bomb)); !errors.Is(err, checkpoint.ErrTooLarge) {
			t.Errorf("%d bytes: %v", len(bomb), err)
		}
	})
}

func FuzzDecode(f *testing.F) {
	encoded, err := sample().Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(encoded)
	f.Add(squeeze(f, []byte(`{"version":1,"checkpoint":"a","boot":"b","log":"c","items":[{"seq":9223372036854775807}]}`)))
	f.Add([]byte{0x1f, 0x8b})
	f.Fuzz(func(t *testing.T, data []byte) {
		batch, err := checkpoint.Decode(bytes.NewReader(data))
		if err != nil {
			return
		}
		// What is taken can be said again, and is taken again as the same.
		again, err := batch.Encode()
		if err != nil {
			t.Fatal(err)
		}
		second, err := checkpoint.Decode(bytes.NewReader(again))
		if err != nil || second.Checkpoint != batch.Checkpoint || len(second.Items) != len(batch.Items) {
			t.Fatalf("%v: %+v became %+v", err, batch, second)
		}
	})
}
