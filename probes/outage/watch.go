package outage

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tocsin/internal/journal"
	"tocsin/probes"
	"tocsin/probes/quorum"
)

// Journal is what a Watch needs of the journal.
type Journal interface {
	AppendValue(ctx context.Context, kind, runID, traceID string, value any) (journal.Event, error)
	Read(ctx context.Context, query journal.Query) ([]journal.Event, error)
}

// Config of a Watch.
type Config struct {
	// Quorum is who must agree; while it is empty, nothing is decided. See Use.
	Quorum quorum.Config
	Target string
	// Local is the checkpoint that this process is itself.
	Local    string
	Journal  Journal
	Registry prometheus.Registerer
	Log      *slog.Logger
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// Watch knows where every probe stands. It is safe for concurrent use.
type Watch struct {
	cfg Config

	mu     sync.Mutex
	quorum quorum.Config
	// probes are those that are voted on; nil for all that somebody votes on.
	probes map[string]bool
	judges map[string]*quorum.Judge
	// unwritten changes wait for the journal.
	unwritten []quorum.Change
	arrived   chan struct{}
	refused   bool
}

// kinds are the events of changes.
var kinds = map[quorum.Kind]string{
	quorum.Declared: journal.KindOutageDeclared, quorum.Confirmed: journal.KindOutageConfirmed, quorum.Ended: journal.KindOutageEnded,
	quorum.Alone: journal.KindCheckpointAlone, quorum.AloneNoMore: journal.KindCheckpointJoined,
	quorum.Lost: journal.KindQuorumLost, quorum.Regained: journal.KindQuorumRegained,
}

// New makes a watch that goes on where the one before a restart ended: outages
// that have not ended are open, and votes that are fresh count.
func New(ctx context.Context, cfg Config) (*Watch, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	w := &Watch{cfg: cfg, judges: make(map[string]*quorum.Judge), arrived: make(chan struct{}, 1)}
	if err := w.use(ctx, cfg.Quorum, nil); err != nil {
		return nil, err
	}
	if err := cfg.Registry.Register(newCollector(w)); err != nil {
		return nil, fmt.Errorf("register metrics of outages: %w", err)
	}
	return w, nil
}

// changesRead bounds how many changes a restart reads back of each kind. An
// outage that is open has few later ones.
const changesRead = 500

// Use makes others vote, on other probes. What is known of a probe that stays is
// kept. One that goes is forgotten here, while its outage stays open in the
// journal, and is open again when the probe comes back.
func (w *Watch) Use(ctx context.Context, agreed quorum.Config, names []string) error {
	probes := make(map[string]bool, len(names))
	for _, name := range names {
		probes[name] = true
	}
	return w.use(ctx, agreed, probes)
}

func (w *Watch) use(ctx context.Context, agreed quorum.Config, probes map[string]bool) error {
	open := map[string]*quorum.Open{}
	if agreed.Agree > 0 {
		var err error
		if open, err = w.openOutages(ctx); err != nil {
			return err
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.quorum, w.probes = agreed, probes
	for name, judge := range w.judges {
		if agreed.Agree == 0 || !w.votedOn(name) {
			delete(w.judges, name)
			continue
		}
		judge.Adopt(agreed)
	}
	for name, outage := range open {
		if w.judges[name] == nil && w.votedOn(name) {
			w.judges[name] = quorum.NewJudge(agreed, name, outage)
		}
	}
	return nil
}

// asked reports whether anybody's vote counts.
func (w *Watch) asked() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.quorum.Agree > 0
}

// votedOn needs mu.
func (w *Watch) votedOn(probe string) bool { return w.probes == nil || w.probes[probe] }

// openOutages reads from the journal which outages have not ended.
func (w *Watch) openOutages(ctx context.Context) (map[string]*quorum.Open, error) {
	var events []journal.Event
	for _, kind := range []string{journal.KindOutageDeclared, journal.KindOutageConfirmed, journal.KindOutageEnded} {
		some, err := w.cfg.Journal.Read(ctx, journal.Query{Kind: kind, Limit: changesRead, Newest: true})
		if err != nil {
			return nil, fmt.Errorf("read outages back: %w", err)
		}
		events = append(events, some...)
	}
	slices.SortFunc(events, func(a, b journal.Event) int { return cmp.Compare(a.Seq, b.Seq) })
	open := make(map[string]*quorum.Open)
	for _, event := range events {
		var change quorum.Change
		if err := json.Unmarshal(event.Payload, &change); err != nil {
			return nil, fmt.Errorf("read outage of event %d: %w", event.Seq, err)
		}
		if event.Kind == journal.KindOutageEnded {
			delete(open, change.Probe)
		} else {
			open[change.Probe] = change.Outage
		}
	}
	return open, nil
}

// Cast takes the result of a scheduled run at a checkpoint. It does not wait
// for the journal.
func (w *Watch) Cast(name string, result probes.Result, started, known time.Time, interval time.Duration) {
	if result.Target != w.cfg.Target || interval <= 0 {
		return
	}
	vote := quorum.Vote{
		Checkpoint: name, RunID: result.RunID, Verdict: result.Verdict, Reason: result.Reason, Step: result.FailedStep,
		Detail: result.Detail, Started: started, Known: known, Interval: interval,
	}
	if vote.Verdict.Good() {
		vote.Detail = ""
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.quorum.Agree == 0 || !w.votedOn(result.Probe) {
		return
	}
	w.tell(w.judge(result.Probe).Cast(vote, w.cfg.Now()))
}

func (w *Watch) judge(probe string) *quorum.Judge {
	if w.judges[probe] == nil {
		w.judges[probe] = quorum.NewJudge(w.quorum, probe, nil)
	}
	return w.judges[probe]
}

// tell needs mu.
func (w *Watch) tell(changes []quorum.Change) {
	if len(changes) == 0 {
		return
	}
	w.unwritten = append(w.unwritten, changes...)
	select {
	case w.arrived <- struct{}{}:
	default:
	}
}

// lookEvery is how soon it is noticed that votes have grown stale.
const lookEvery = 500 * time.Millisecond

// Run records changes, and notices those that nobody's vote brings about, until
// ctx ends.
func (w *Watch) Run(ctx context.Context) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			w.write(context.WithoutCancel(ctx))
			return
		case <-w.arrived:
		case <-ticker.C:
			w.look()
		}
		w.write(ctx)
	}
}

func (w *Watch) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.cfg.Now()
	for _, name := range slices.Sorted(maps.Keys(w.judges)) {
		w.tell(w.judges[name].Look(now))
	}
}

// lastWrite bounds one attempt to record a change.
const lastWrite = 5 * time.Second

// write records the changes in their order. One that the journal refuses stays,
// and those behind it wait.
func (w *Watch) write(ctx context.Context) {
	for {
		w.mu.Lock()
		if len(w.unwritten) == 0 {
			w.mu.Unlock()
			return
		}
		next := w.unwritten[0]
		w.mu.Unlock()
		bounded, cancel := context.WithTimeout(ctx, lastWrite)
		_, err := w.cfg.Journal.AppendValue(bounded, kinds[next.Kind], "", "", next)
		cancel()
		if err != nil {
			w.complain(err)
			return
		}
		w.refused = false
		w.log(next)
		w.mu.Lock()
		w.unwritten = w.unwritten[1:]
		w.mu.Unlock()
	}
}

// complain says once that the journal refuses.
func (w *Watch) complain(err error) {
	if !w.refused {
		w.cfg.Log.Error("the journal refuses what is known of outages; it is tried again", "error", err)
	}
	w.refused = true
}

func (w *Watch) log(change quorum.Change) {
	level := slog.LevelInfo
	switch change.Kind {
	case quorum.Declared:
		level = slog.LevelError
	case quorum.Alone, quorum.Lost:
		level = slog.LevelWarn
	}
	w.cfg.Log.Log(context.Background(), level, change.Sentence, "change", change.Kind, "probe", change.Probe)
}

// Standings says where every probe stands, by name.
func (w *Watch) Standings() []quorum.Standing {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.cfg.Now()
	all := make([]quorum.Standing, 0, len(w.judges))
	for _, name := range slices.Sorted(maps.Keys(w.judges)) {
		all = append(all, w.judges[name].Standing(now))
	}
	return all
}
