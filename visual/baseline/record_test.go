package baseline

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What is read as a record is written again as the same record.
func FuzzRecord(f *testing.F) {
	record, err := json.Marshal(approved("picture"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(record)
	f.Add([]byte(`{"target":"lab","environment":{"scale":1e999}}`))
	f.Add([]byte(`{"approver":"x"}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		read, err := decode(content)
		if err != nil {
			return
		}
		for _, part := range read.parts() {
			if *part.content != nil {
				t.Fatalf("the record brings its own %s", part.name)
			}
		}
		written, err := json.Marshal(read)
		if err != nil {
			t.Fatal(err)
		}
		again, err := decode(written)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(read, again); diff != "" {
			t.Fatal(diff)
		}
	})
}

func FuzzDecision(f *testing.F) {
	line, err := json.Marshal(decision(Approved, "picture"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(line)
	f.Add([]byte(`{"action":"approved","by":"a","reason":"r","sha256":"s"}`))
	f.Add([]byte(`{"action":"appro`))
	f.Fuzz(func(t *testing.T, line []byte) {
		read, err := decodeDecision(line)
		if err != nil {
			return
		}
		if read.By == "" || read.Reason == "" || read.SHA256 == "" || read.Action != Approved && read.Action != Rejected {
			t.Fatalf("a decision that says nothing: %+v", read)
		}
	})
}
