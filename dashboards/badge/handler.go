package badge

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"tocsin/internal/verdict"
)

// Uptime is how a probe did in a stretch of time.
type Uptime struct {
	// Share is the good part of what is known, nil where nothing is known.
	Share *float64
	// Seen is the part of the time outside maintenance of which anything is known.
	Seen float64
}

// Config of a Handler.
type Config struct {
	// Verdict is where a probe stands now, and false for one that there is not.
	Verdict func(ctx context.Context, probe string) (verdict.Verdict, bool, error)
	Uptime  func(ctx context.Context, probe string, back time.Duration) (Uptime, error)
	Log     *slog.Logger
}

// Handler answers GET /badge/PROBE.svg?metric=verdict|uptime&period=30d.
type Handler struct{ cfg Config }

// Path of badges; PROBE.svg follows.
const Path = "/badge/"

// NewHandler makes the handler.
func NewHandler(cfg Config) *Handler { return &Handler{cfg: cfg} }

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	probe, isPicture := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, Path), ".svg")
	now, known, err := h.cfg.Verdict(r.Context(), probe)
	switch {
	case err != nil:
		h.refuse(w, r, err)
		return
	case !isPicture || !known:
		http.Error(w, "there is no such probe; a badge is at "+Path+"PROBE.svg", http.StatusNotFound)
		return
	}
	query := r.URL.Query()
	drawn := Badge{Label: probe, Value: word(now), Tone: tone(now)}
	switch query.Get("metric") {
	case "", "verdict":
	case "uptime":
		period := query.Get("period")
		if period == "" {
			period = "30d"
		}
		back, err := parsePeriod(period)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		uptime, err := h.cfg.Uptime(r.Context(), probe, back)
		if err != nil {
			h.refuse(w, r, err)
			return
		}
		drawn = uptime.badge(probe + " " + period)
	default:
		http.Error(w, "metric is verdict or uptime", http.StatusBadRequest)
		return
	}
	send(w, r, drawn.SVG())
}

func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		return
	}
	h.cfg.Log.ErrorContext(r.Context(), "a badge cannot be drawn", "error", err)
	http.Error(w, "the journal cannot be read", http.StatusServiceUnavailable)
}

// send lets caches keep a badge for half a minute: pages of others are read
// often, and what is older would be no news.
func send(w http.ResponseWriter, r *http.Request, picture []byte) {
	sum := sha256.Sum256(picture)
	header := w.Header()
	header.Set("Content-Type", "image/svg+xml")
	header.Set("Content-Security-Policy", "default-src 'none'")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", "public, max-age=30")
	header.Set("ETag", `"`+hex.EncodeToString(sum[:8])+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(picture))
}

var periods = regexp.MustCompile(`^([1-9][0-9]{0,3})([hd])$`)

// longest is as far back as a badge looks.
const longest = 400 * 24 * time.Hour

func parsePeriod(text string) (time.Duration, error) {
	parts := periods.FindStringSubmatch(text)
	if parts == nil {
		return 0, fmt.Errorf("period %q is no time such as 24h or 30d", text)
	}
	// The expression allows no more than four digits.
	count, err := strconv.Atoi(parts[1])
	if err != nil {
		return 0, fmt.Errorf("period %q: %w", text, err)
	}
	back := time.Duration(count) * time.Hour
	if parts[2] == "d" {
		back *= 24
	}
	if back > longest {
		return 0, fmt.Errorf("period %q is longer than 400d", text)
	}
	return back, nil
}

func word(v verdict.Verdict) string {
	if v == verdict.PassAfterRetry {
		return "pass after retry"
	}
	return string(v)
}

func tone(v verdict.Verdict) Tone {
	switch v {
	case verdict.Pass:
		return Good
	case verdict.PassAfterRetry:
		return Middle
	case verdict.Fail:
		return Bad
	default:
		return Nothing
	}
}

// mostlySeen is the part of the time that must be known for an uptime to be
// shown without saying so.
const mostlySeen = 0.9

// badge never rounds up: 100 % means that nothing bad was seen.
func (u Uptime) badge(label string) Badge {
	if u.Share == nil {
		return Badge{Label: label, Value: "no data", Tone: Nothing}
	}
	percent := math.Floor(*u.Share*1e4) / 100
	b := Badge{Label: label, Value: strconv.FormatFloat(percent, 'f', -1, 64) + " %", Tone: Bad}
	switch {
	case *u.Share >= 0.999:
		b.Tone = Good
	case *u.Share >= 0.99:
		b.Tone = Middle
	}
	if u.Seen < mostlySeen {
		b.Value += fmt.Sprintf(" of the %.0f %% seen", math.Floor(u.Seen*100))
	}
	return b
}
