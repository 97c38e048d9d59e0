package statuslist_test

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"

	"tocsin/probes/vci/statuslist"
)

// published encodes a byte array given compressed, in hexadecimal.
func published(t *testing.T, compressed string) string {
	t.Helper()
	raw, err := hex.DecodeString(compressed)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

func zipped(t testing.TB, data []byte) string {
	t.Helper()
	var out bytes.Buffer
	writer := zlib.NewWriter(&out)
	if _, err := writer.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(out.Bytes())
}

func TestTheExamplesOfTheStandardAreDecoded(t *testing.T) {
	cases := map[string]struct {
		bits       int
		compressed string
		want       []statuslist.Status
	}{
		"one bit":  {1, "78dadbb918000217015d", []statuslist.Status{1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1}},
		"two bits": {2, "78da3be9f2130003df0207", []statuslist.Status{1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			list, err := statuslist.Decode(statuslist.Encoded{Bits: c.bits, List: published(t, c.compressed)})
			if err != nil {
				t.Fatal(err)
			}
			if list.Len() != uint64(len(c.want)) {
				t.Fatalf("the list has %d entries, not %d", list.Len(), len(c.want))
			}
			for index, want := range c.want {
				if got, err := list.At(uint64(index)); err != nil || got != want {
					t.Errorf("status[%d] is %s (%v), expected %s", index, got, err, want)
				}
			}
			if _, err := list.At(list.Len()); err == nil {
				t.Error("an index outside the list has a status")
			}
		})
	}
}

func TestWiderEntriesAreTakenFromTheLowBitsFirst(t *testing.T) {
	for bits, want := range map[int][]statuslist.Status{4: {0x2, 0xa, 0xf, 0x0}, 8: {0xa2, 0x0f}} {
		list, err := statuslist.Decode(statuslist.Encoded{Bits: bits, List: zipped(t, []byte{0xa2, 0x0f})})
		if err != nil {
			t.Fatal(err)
		}
		for index, status := range want {
			if got, err := list.At(uint64(index)); err != nil || got != status {
				t.Errorf("%d bits: status[%d] is %s (%v), expected %s", bits, index, got, err, status)
			}
		}
	}
}

func TestAListThatIsNoneIsRefused(t *testing.T) {
	good := zipped(t, []byte{1, 2, 3, 4})
	raw, err := base64.RawURLEncoding.DecodeString(good)
	if err != nil {
		t.Fatal(err)
	}
	raw[len(raw)-1] ^= 1
	cases := map[string]struct {
		encoded statuslist.Encoded
		want    string
	}{
		"three bits":              {statuslist.Encoded{Bits: 3, List: good}, "not 1, 2, 4 or 8"},
		"no bits":                 {statuslist.Encoded{List: good}, "not 1, 2, 4 or 8"},
		"padding":                 {statuslist.Encoded{Bits: 1, List: good + "="}, "base64url"},
		"no zlib":                 {statuslist.Encoded{Bits: 1, List: "AAAA"}, "not zlib"},
		"a cut list":              {statuslist.Encoded{Bits: 1, List: base64.RawURLEncoding.EncodeToString(raw[:len(raw)-5])}, "decompress"},
		"a wrong checksum":        {statuslist.Encoded{Bits: 1, List: base64.RawURLEncoding.EncodeToString(raw)}, "checksum"},
		"an empty list":           {statuslist.Encoded{Bits: 1, List: zipped(t, nil)}, "empty"},
		"a bomb of 16 MiB":        {statuslist.Encoded{Bits: 1, List: zipped(t, make([]byte, 16<<20))}, "more than 2 MiB"},
		"one byte over the bound": {statuslist.Encoded{Bits: 1, List: zipped(t, make([]byte, statuslist.MaxBytes+1))}, "more than 2 MiB"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := statuslist.Decode(c.encoded)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, expected an error with %q", err, c.want)
			}
		})
	}
	if _, err := statuslist.Decode(statuslist.Encoded{Bits: 1, List: zipped(t, make([]byte, statuslist.MaxBytes))}); err != nil {
		t.Errorf("a list of exactly the bound is refused: %v", err)
	}
}

func TestATokenWithoutWhatItNeedsIsRefused(t *testing.T) {
	cases := map[string]string{
		"no JSON":        `{`,
		"no iat":         `{"sub":"u","status_list":{"bits":1,"lst":"x"}}`,
		"a negative ttl": `{"sub":"u","iat":1,"ttl":-1,"status_list":{"bits":1,"lst":"x"}}`,
		"no list":        `{"sub":"u","iat":1}`,
	}
	for name, payload := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := statuslist.Parse([]byte(payload)); err == nil {
				t.Error("it was accepted")
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(1, zipped(f, []byte{0xb9, 0xa3}), uint64(3))
	f.Add(2, zipped(f, []byte{0xc9, 0x44, 0xf9}), uint64(11))
	f.Add(8, "eNrbuRgAAhcBXQ", uint64(1<<63))
	f.Fuzz(func(t *testing.T, bits int, text string, index uint64) {
		list, err := statuslist.Decode(statuslist.Encoded{Bits: bits, List: text})
		if err != nil {
			return
		}
		if list.Len() == 0 || list.Len() > 8*statuslist.MaxBytes {
			t.Fatalf("a list of %d entries", list.Len())
		}
		status, err := list.At(index)
		if (err == nil) != (index < list.Len()) {
			t.Fatalf("index %d of %d: %v", index, list.Len(), err)
		}
		if err == nil && int(status) >= 1<<bits {
			t.Fatalf("status %s does not fit %d bits", status, bits)
		}
	})
}

func BenchmarkDecodeAMillion(b *testing.B) {
	data := make([]byte, 1<<17)
	for i := range data {
		if i%100 == 0 {
			data[i] = byte(i)
		}
	}
	encoded := statuslist.Encoded{Bits: 1, List: zipped(b, data)}
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := statuslist.Decode(encoded); err != nil {
			b.Fatal(err)
		}
	}
}
