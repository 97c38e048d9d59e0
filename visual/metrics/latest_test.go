package metrics

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"tocsin/internal/verdict"
	"tocsin/visual"
)

func TestWhatACheckDidNotFindOutHasNoSeries(t *testing.T) {
	latest := NewLatest()
	at := time.Unix(1_900_000_000, 0)
	latest.Set("visual-login", visual.Result{
		Check: "login", Verdict: verdict.Fail, Compared: true, Percent: 8.32, ChangedPixels: 85_197, Started: at,
		ApprovedAt: at.Add(-time.Hour), LoadingMS: 200, SettlingMS: 300,
	})
	latest.Set("visual-consent", visual.Result{Check: "consent", Verdict: verdict.Unknown, Started: at})
	latest.Set("visual-old", visual.Result{Check: "old", Verdict: verdict.Pass, Started: at})
	latest.Keep([]string{"login", "consent"})
	want := `# HELP visual_difference_ratio Share of the pixels that differed from the approved picture, 0 to 1; absent where nothing was compared.
# TYPE visual_difference_ratio gauge
visual_difference_ratio{check="login",probe="visual-login"} 0.0832
# HELP visual_check_success Whether the page looked as approved at the last check; absent while it is unknown.
# TYPE visual_check_success gauge
visual_check_success{check="login",probe="visual-login"} 0
# HELP visual_capture_duration_seconds Time of the last capture, from the first request to the picture; absent without one.
# TYPE visual_capture_duration_seconds gauge
visual_capture_duration_seconds{check="login",probe="visual-login"} 0.5
# HELP visual_last_check_timestamp_seconds When the last check started, Unix time.
# TYPE visual_last_check_timestamp_seconds gauge
visual_last_check_timestamp_seconds{check="consent",probe="visual-consent"} 1.9e+09
visual_last_check_timestamp_seconds{check="login",probe="visual-login"} 1.9e+09
`
	if err := testutil.CollectAndCompare(latest, strings.NewReader(want), "visual_difference_ratio", "visual_check_success",
		"visual_capture_duration_seconds", "visual_last_check_timestamp_seconds"); err != nil {
		t.Error(err)
	}
}
