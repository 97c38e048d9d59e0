package heartbeat_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"tocsin/internal/journal"
	"tocsin/internal/verdict"
	"tocsin/probes/heartbeat"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const token = "a-token-that-nobody-guesses"

// world is a book over a real journal, whose clock the test turns.
type world struct {
	t       *testing.T
	journal *journal.Journal
	book    *heartbeat.Book
	now     time.Time
	token   string
}

func begin(t *testing.T, jobs ...heartbeat.Config) *world {
	t.Helper()
	events, err := journal.Open(t.Context(), filepath.Join(t.TempDir(), "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := events.Close(); err != nil {
			t.Error(err)
		}
	})
	w := &world{t: t, journal: events, now: time.Now(), token: filepath.Join(t.TempDir(), "token")}
	if err := os.WriteFile(w.token, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.restart(jobs...)
	return w
}

func (w *world) job(every, grace time.Duration) heartbeat.Config {
	return heartbeat.Config{Name: "batch", Every: every, Grace: grace, TokenFile: w.token}
}

// restart makes a new book, which knows only what the journal says.
func (w *world) restart(jobs ...heartbeat.Config) {
	w.t.Helper()
	w.book = heartbeat.NewBook(w.journal, func() time.Time { return w.now })
	w.listen(jobs...)
}

func (w *world) listen(jobs ...heartbeat.Config) {
	w.t.Helper()
	if err := w.book.Listen(w.t.Context(), jobs); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) post(name, body string, change func(*http.Request)) *httptest.ResponseRecorder {
	w.t.Helper()
	request := httptest.NewRequestWithContext(w.t.Context(), http.MethodPost, "/heartbeat/"+name, strings.NewReader(body))
	request.Header.Set("Authorization", "Bearer "+token)
	if change != nil {
		change(request)
	}
	answer := httptest.NewRecorder()
	heartbeat.NewReceiver(w.book, slog.New(slog.DiscardHandler)).ServeHTTP(answer, request)
	return answer
}

func (w *world) report(body string) {
	w.t.Helper()
	if answer := w.post("batch", body, nil); answer.Code != http.StatusOK {
		w.t.Fatalf("answered %d %s", answer.Code, answer.Body)
	}
}

// stands compares what the probe says.
func (w *world) stands(when string, want verdict.Reason, says string) {
	w.t.Helper()
	list := w.book.List()
	if len(list) != 1 {
		w.t.Fatalf("%s: %d heartbeats", when, len(list))
	}
	config := w.job(time.Duration(list[0].EverySeconds)*time.Second, time.Duration(list[0].GraceSeconds)*time.Second)
	result := w.book.Probe("lab", config).Run(w.t.Context())
	if result.Reason != want || result.Verdict != want.Verdict() || !strings.Contains(result.Detail, says) || list[0].Reason != want {
		w.t.Errorf("%s: %s %q, want %s with %q", when, result.Reason, result.Detail, want, says)
	}
}

func TestAJobIsInTimeLateOrMissing(t *testing.T) {
	w := begin(t)
	w.listen(w.job(time.Hour, 10*time.Minute))
	w.stands("before the first deadline", verdict.NoData, "it has never reported")
	w.now = w.now.Add(70*time.Minute + time.Second)
	w.stands("after it", verdict.Overdue, "it has never reported")
	w.report("")
	w.stands("once it reported", verdict.OK, "batch reported 0s ago")
	w.now = w.now.Add(65 * time.Minute)
	w.stands("within the grace", verdict.OK, "within its grace")
	w.now = w.now.Add(6 * time.Minute)
	w.stands("after the grace", verdict.Overdue, "batch must report every 1h0m0s (grace 10m0s); it reported last at ")
	w.report(`{"exit_code": 3, "duration_seconds": 61, "message": "disk\nfull"}`)
	w.stands("a failure in time", verdict.Assertion, "failed with exit code 3: disk full")
	w.now = w.now.Add(time.Minute)
	w.report(`{"state": "start"}`)
	w.stands("a new start does not undo a failure", verdict.Assertion, "it says it has been running since")
	w.now = w.now.Add(2 * time.Minute)
	w.report(`{"state": "success"}`)
	w.stands("a success does", verdict.OK, "")
	if last := w.book.List()[0].Last; last == nil || last.DurationSeconds != 120 {
		t.Errorf("%+v: the time since its start is what it took", last)
	}
}

func TestWhatIsKnownOutlivesARestart(t *testing.T) {
	w := begin(t)
	job := w.job(time.Hour, 10*time.Minute)
	w.listen(job)
	w.now = w.now.Add(5 * time.Minute)
	w.restart(job)
	w.now = w.now.Add(66 * time.Minute)
	w.stands("never reported since the first start", verdict.Overdue, "never")
	w.report("")
	w.restart(job)
	w.stands("after a report", verdict.OK, "")
}

// The journal stamps events with its own clock, so these tests let the clock of
// the book run ahead of it.
func TestALongAbsenceOfTocsinIsNotTheFaultOfTheJob(t *testing.T) {
	w := begin(t)
	job := w.job(time.Hour, 10*time.Minute)
	w.listen(job)
	w.report("")
	w.now = w.now.Add(3 * time.Hour)
	w.restart(job)
	w.stands("just back", verdict.NoData, "tocsin has listened only since")
	w.now = w.now.Add(71 * time.Minute)
	w.stands("a whole interval later", verdict.Overdue, "")
}

func TestAnotherPromiseBeginsAnew(t *testing.T) {
	w := begin(t)
	w.listen(w.job(24*time.Hour, time.Hour))
	w.report("")
	w.now = w.now.Add(5 * time.Hour)
	w.listen(w.job(time.Hour, 10*time.Minute))
	w.stands("it was not told before", verdict.NoData, "")
	w.listen(w.job(time.Hour, 10*time.Minute))
	w.now = w.now.Add(71 * time.Minute)
	w.stands("now it was", verdict.Overdue, "")
	w.listen()
	if answer := w.post("batch", "", nil); answer.Code != http.StatusUnauthorized {
		t.Errorf("a heartbeat that was taken out answers %d", answer.Code)
	}
}

func TestOnlyWhoHasTheTokenReportsAndOnlySense(t *testing.T) {
	w := begin(t)
	w.listen(w.job(time.Hour, 10*time.Minute))
	cases := map[string]struct {
		name, body string
		change     func(*http.Request)
		code       int
	}{
		"empty":                 {"batch", "", nil, 200},
		"all it may say":        {"batch", `{"state": "fail", "exit_code": 2, "duration_seconds": 0.5, "message": "x"}`, nil, 200},
		"a failure by itself":   {"batch", `{"state": "fail"}`, nil, 200},
		"another token":         {"batch", "", func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token+"x") }, 401},
		"no token":              {"batch", "", func(r *http.Request) { r.Header.Del("Authorization") }, 401},
		"as a password":         {"batch", "", func(r *http.Request) { r.SetBasicAuth("batch", token) }, 401},
		"another name":          {"other", "", nil, 401},
		"a path":                {"../batch", "", nil, 401},
		"by reading":            {"batch", "", func(r *http.Request) { r.Method = http.MethodGet }, 405},
		"too much":              {"batch", `{"message": "` + strings.Repeat("x", 5000) + `"}`, nil, 413},
		"an unknown key":        {"batch", `{"exitcode": 1}`, nil, 400},
		"two reports":           {"batch", `{} {}`, nil, 400},
		"no JSON":               {"batch", `exit_code=1`, nil, 400},
		"an unknown state":      {"batch", `{"state": "ok"}`, nil, 400},
		"a success that failed": {"batch", `{"state": "success", "exit_code": 1}`, nil, 400},
		"an exit code too far":  {"batch", `{"exit_code": 256}`, nil, 400},
		"time that runs back":   {"batch", `{"duration_seconds": -1}`, nil, 400},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if answer := w.post(tc.name, tc.body, tc.change); answer.Code != tc.code || strings.Contains(answer.Body.String(), token) {
				t.Errorf("answered %d %s, want %d", answer.Code, answer.Body, tc.code)
			}
		})
	}
}

func TestTheMetricsSayWhenAndUntilWhen(t *testing.T) {
	w := begin(t)
	w.listen(w.job(time.Hour, 0))
	w.now = time.Unix(1_800_000_000, 0)
	w.listen(w.job(time.Hour, time.Minute))
	metrics := prometheus.NewPedanticRegistry()
	metrics.MustRegister(w.book.Collector())
	const deadline = `
# HELP tocsin_heartbeat_deadline_timestamp_seconds Until when the job must report, grace included, Unix time.
# TYPE tocsin_heartbeat_deadline_timestamp_seconds gauge
tocsin_heartbeat_deadline_timestamp_seconds{probe="batch"} 1.80000366e+09
`
	if err := testutil.GatherAndCompare(metrics, strings.NewReader(deadline)); err != nil {
		t.Error("before the first report: ", err)
	}
	w.report(`{"duration_seconds": 61.5}`)
	if err := testutil.GatherAndCompare(metrics, strings.NewReader(deadline+`
# HELP tocsin_heartbeat_duration_seconds How long the job took last by its own report; absent if it does not say.
# TYPE tocsin_heartbeat_duration_seconds gauge
tocsin_heartbeat_duration_seconds{probe="batch"} 61.5
# HELP tocsin_heartbeat_last_timestamp_seconds When the job ended last by its own report, Unix time; absent before the first.
# TYPE tocsin_heartbeat_last_timestamp_seconds gauge
tocsin_heartbeat_last_timestamp_seconds{probe="batch"} 1.8e+09
`)); err != nil {
		t.Error("after it: ", err)
	}
}

func TestACommandIsRunAndItsEndReported(t *testing.T) {
	w := begin(t)
	w.listen(w.job(time.Hour, 10*time.Minute))
	server := httptest.NewServer(heartbeat.NewReceiver(w.book, slog.New(slog.DiscardHandler)))
	defer server.Close()
	defer server.Client().CloseIdleConnections()
	var unsaid int
	run := func(ctx context.Context, server, token string, command ...string) (int, string) {
		var out strings.Builder
		unsaid = 0
		code := heartbeat.Job{
			Client: heartbeat.Client{Server: server, Token: token, HTTP: http.DefaultClient}, Name: "batch", Command: command,
			Stdin: strings.NewReader("input"), Stdout: &out, Stderr: &out, Unsaid: func(error) { unsaid++ },
		}.Run(ctx)
		return code, out.String()
	}
	if code, out := run(t.Context(), server.URL, token, "cat"); code != 0 || out != "input" || unsaid != 0 {
		t.Errorf("exit %d with %q, %d reports missing", code, out, unsaid)
	}
	w.stands("it ended well", verdict.OK, "")
	if code, _ := run(t.Context(), server.URL, token, "sh", "-c", "exit 7"); code != 7 {
		t.Errorf("exit %d", code)
	}
	w.stands("it failed", verdict.Assertion, "exit code 7")
	if code, _ := run(t.Context(), server.URL, token, "no-such-command-anywhere"); code != 127 {
		t.Errorf("exit %d", code)
	}
	w.stands("it could not be run", verdict.Assertion, "exit code 127")
	stopped, stop := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer stop()
	if code, _ := run(stopped, server.URL, token, "sleep", "60"); code != 128+15 {
		t.Errorf("exit %d", code)
	}
	w.stands("it was stopped from outside, and that is known", verdict.Assertion, "exit code 143: signal: terminated")
	if code, out := run(t.Context(), server.URL, "another-token-of-somebody", "cat"); code != 0 || out != "input" || unsaid != 2 {
		t.Errorf("a job whose reports are refused: exit %d with %q, %d reports missing", code, out, unsaid)
	}
	if code, _ := run(t.Context(), "http://127.0.0.1:1", token, "sh", "-c", "exit 3"); code != 3 || unsaid != 2 {
		t.Errorf("a job nobody listens to: exit %d, %d reports missing", code, unsaid)
	}
}

func FuzzReport(f *testing.F) {
	for _, seed := range []string{"", "{}", `{"state": "start"}`, `{"exit_code": 1, "message": "\u0000"}`, `{"duration_seconds": 1e300}`, "[", "null"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		report, err := heartbeat.ParseReport(body)
		if err != nil {
			return
		}
		if report.State == heartbeat.Gone && report.ExitCode == 0 {
			return // said so without a code
		}
		if (report.State == heartbeat.Gone) != (report.ExitCode != 0) || report.DurationSeconds < 0 || strings.ContainsAny(report.Message, "\n\r\x00\x1b") {
			t.Errorf("%q became %+v", body, report)
		}
	})
}
