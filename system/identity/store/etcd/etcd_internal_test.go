package etcd

import (
	"math"
	"testing"
	"time"
)

func TestClassOfLife(t *testing.T) {
	for life, want := range map[time.Duration]time.Duration{
		-time.Second: time.Minute, 0: time.Minute, time.Minute: time.Minute, 61 * time.Second: 2 * time.Minute,
		5 * time.Minute: 8 * time.Minute, 24 * time.Hour: 2048 * time.Minute,
	} {
		if got := class(life); got != want {
			t.Errorf("class of %s is %s, want %s", life, got, want)
		}
	}
	if got := class(math.MaxInt64); got < longest || got > 2*longest {
		t.Errorf("class of what does not end is %s", got)
	}
	for life, want := range map[time.Duration]time.Duration{
		time.Minute: 15 * time.Second, 8 * time.Minute: time.Minute, 2048 * time.Minute: time.Hour,
	} {
		if got := opening(life); got != want {
			t.Errorf("a lease for %s takes in keys for %s, want %s", life, got, want)
		}
	}
}

func TestJudge(t *testing.T) {
	now := time.Unix(1000, 0)
	for _, test := range []struct {
		name       string
		record     family
		generation uint64
		want       verdict
	}{
		{"the first use of a family", family{}, 0, rotate},
		{"the current token", family{3, now.Add(-time.Hour)}, 3, rotate},
		{"the token before, within the grace", family{3, now.Add(-time.Minute)}, 2, repeat},
		{"the token before, after the grace", family{3, now.Add(-time.Minute - time.Millisecond)}, 2, reused},
		{"the token before, of a zone whose clock is ahead", family{3, now.Add(time.Second)}, 2, repeat},
		{"an older token", family{3, now}, 1, reused},
		{"a newer token than the record", family{3, now}, 4, ahead},
		{"a token of a family whose record is lost", family{}, 9, ahead},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := test.record.judge(test.generation, now, time.Minute); got != test.want {
				t.Errorf("got %d, want %d", got, test.want)
			}
		})
	}
}

func TestFamilyText(t *testing.T) {
	want := family{generation: 1<<63 + 10, rotated: time.UnixMilli(1234567)}
	if got, err := parseFamily(want.String()); err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, text := range []string{"", "x", "1", "1@", "@1", "1@x", "1A5"} {
		if _, err := parseFamily(text); err == nil {
			t.Errorf("%q was read", text)
		}
	}
	// A guess compares records as text: all of one generation, and no other.
	for _, generation := range []uint64{0, 9, 10, 255, 1 << 40} {
		low, high := generationText(generation)+separator, generationText(generation)+afterSeparator
		for _, record := range []family{{generation, time.UnixMilli(0)}, {generation, time.UnixMilli(1 << 50)}} {
			if text := record.String(); text <= low || text >= high {
				t.Errorf("%q is not between %q and %q", text, low, high)
			}
		}
		for _, record := range []family{{generation + 1, time.UnixMilli(5)}, {generation - 1, time.UnixMilli(5)}} {
			if text := record.String(); text > low && text < high {
				t.Errorf("%q is between %q and %q", text, low, high)
			}
		}
	}
}
