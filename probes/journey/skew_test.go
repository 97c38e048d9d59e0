package journey

import (
	"net/http"
	"testing"
	"time"
)

func TestSeveralDatesTellTheSkewBetterThanOne(t *testing.T) {
	const ahead = 2700 * time.Millisecond
	var bounds clockBounds
	ours := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for part := range 10 {
		sent := ours.Add(time.Duration(part) * 1100 * time.Millisecond)
		theirs := sent.Add(10 * time.Millisecond).Add(-ahead)
		bounds.observe(sent, sent.Add(20*time.Millisecond), http.Header{"Date": {theirs.Truncate(time.Second).Format(http.TimeFormat)}})
		if off := (bounds.skew() - ahead).Abs(); off > 600*time.Millisecond {
			t.Fatalf("after %d dates the skew is %s off", part+1, off)
		}
	}
	if off := (bounds.skew() - ahead).Abs(); off > 80*time.Millisecond {
		t.Errorf("after ten dates the skew is still %s off", off)
	}
}

func TestADateFromACacheIsAsOldAsItSays(t *testing.T) {
	var bounds clockBounds
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	bounds.observe(now, now, http.Header{"Date": {now.Add(-5 * time.Minute).Format(http.TimeFormat)}, "Age": {"300"}})
	if bounds.skew().Abs() > time.Second {
		t.Errorf("a cached answer looks %s old", bounds.skew())
	}
	bounds.observe(now, now, http.Header{"Date": {"yesterday"}})
	bounds.observe(now, now, http.Header{"Date": {now.Add(time.Hour).Format(http.TimeFormat)}})
	if off := bounds.skew() + time.Hour; off.Abs() > time.Second {
		t.Errorf("another server's clock is not believed: %s", bounds.skew())
	}
}
