package hedge_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tocsin/system/identity/store/hedge"
)

var errNo = errors.New("no")

func policy() hedge.Policy {
	return hedge.Policy{
		After: 100 * time.Millisecond, Attempt: 600 * time.Millisecond, Patience: 2 * time.Second, Rest: time.Second, Parallel: 3,
		Verdict: func(err error) bool { return errors.Is(err, errNo) },
	}
}

// log is who was asked, in order.
type log struct {
	mu    sync.Mutex
	asked []string
}

func (l *log) note(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked = append(l.asked, name)
}

func silent(ctx context.Context) (string, error) {
	<-ctx.Done()
	return "", ctx.Err()
}

func TestDo(t *testing.T) {
	refuse := errors.New("connection refused")
	for _, test := range []struct {
		name   string
		behave map[string]func(context.Context) (string, error)
		want   string
		err    error
		took   time.Duration
		asked  []string
	}{
		{
			name: "the preferred server answers and nobody else is asked",
			behave: map[string]func(context.Context) (string, error){
				"a": func(context.Context) (string, error) { return "A", nil },
			},
			want: "A", asked: []string{"a"},
		},
		{
			name: "a server that is silent costs a moment",
			behave: map[string]func(context.Context) (string, error){
				"a": silent, "b": func(context.Context) (string, error) { return "B", nil },
			},
			want: "B", took: 100 * time.Millisecond, asked: []string{"a", "b"},
		},
		{
			name: "a server that refuses costs nothing",
			behave: map[string]func(context.Context) (string, error){
				"a": func(context.Context) (string, error) { return "", refuse },
				"b": func(context.Context) (string, error) { return "B", nil },
			},
			want: "B", asked: []string{"a", "b"},
		},
		{
			name: "a verdict is an answer",
			behave: map[string]func(context.Context) (string, error){
				"a": func(context.Context) (string, error) { return "", errNo },
			},
			err: errNo, asked: []string{"a"},
		},
		{
			name:   "when all are silent the operation ends with its patience",
			behave: map[string]func(context.Context) (string, error){"a": silent, "b": silent, "c": silent},
			err:    context.DeadlineExceeded, took: 2 * time.Second,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				seen := &log{}
				servers := hedge.New(policy(), "a", "b", "c")
				started := time.Now()
				got, err := hedge.Do(t.Context(), servers, func(ctx context.Context, name string) (string, error) {
					seen.note(name)
					return test.behave[name](ctx)
				})
				if got != test.want || !errors.Is(err, test.err) || time.Since(started) != test.took {
					t.Errorf("got %q, %v after %s; want %q, %v after %s", got, err, time.Since(started), test.want, test.err, test.took)
				}
				seen.mu.Lock()
				defer seen.mu.Unlock()
				if test.asked != nil && !slices.Equal(seen.asked, test.asked) {
					t.Errorf("asked %v, want %v", seen.asked, test.asked)
				}
			})
		})
	}
}

func TestServersThatFailAreAskedLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		servers := hedge.New(policy(), "a", "b")
		down := true
		ask := func() (string, []string) {
			seen := &log{}
			got, err := hedge.Do(t.Context(), servers, func(ctx context.Context, name string) (string, error) {
				seen.note(name)
				if name == "a" && down {
					return silent(ctx)
				}
				return name, nil
			})
			if err != nil {
				t.Fatal(err)
			}
			return got, seen.asked
		}
		ask() // finds a silent
		if got, asked := ask(); got != "b" || len(asked) != 1 {
			t.Errorf("while a rests: %s answered, asked %v", got, asked)
		}
		<-time.After(1100 * time.Millisecond)
		if order := servers.Preferred(); !slices.Equal(order, []string{"a", "b"}) {
			t.Errorf("after the rest one caller tries again: %v", order)
		}
		if order := servers.Preferred(); !slices.Equal(order, []string{"b", "a"}) {
			t.Errorf("the next callers do not: %v", order)
		}
		<-time.After(1100 * time.Millisecond)
		down = false
		ask()
		if got, asked := ask(); got != "a" || len(asked) != 1 {
			t.Errorf("after a is back: %s answered, asked %v", got, asked)
		}
	})
}

func TestRefusalsDoNotBecomeABusyLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		servers := hedge.New(policy(), "a", "b")
		seen := &log{}
		_, err := hedge.Do(t.Context(), servers, func(_ context.Context, name string) (string, error) {
			seen.note(name)
			return "", errors.New("connection refused")
		})
		synctest.Wait()
		seen.mu.Lock()
		defer seen.mu.Unlock()
		if tries := len(seen.asked); err == nil || tries < 10 || tries > 60 {
			t.Errorf("%d tries in 2 s, %v", tries, err)
		}
	})
}

func BenchmarkDo(b *testing.B) {
	servers := hedge.New(policy(), "a", "b", "c")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := hedge.Do(b.Context(), servers, func(_ context.Context, name string) (string, error) { return name, nil }); err != nil {
			b.Fatal(err)
		}
	}
}
