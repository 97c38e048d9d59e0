package evidence

import (
	"fmt"
	"net/http"
	"strings"

	"tocsin/probes"
)

// Repeat are command lines that make the same again: the whole run with
// tocsin, and the exchange that went wrong with curl. What was secret is left
// as a word in capitals.
type Repeat struct {
	Tocsin string `json:"tocsin"`
	Curl   string `json:"curl,omitempty"`
}

func repeat(r *Redactor, result probes.Result, cfg Config) Repeat {
	words := []string{"tocsin"}
	if cfg.TargetFile != "" {
		words = append(words, "--target", quote(cfg.TargetFile))
	}
	if cfg.PlanFile != "" {
		words = append(words, "--plan", quote(cfg.PlanFile))
	}
	lines := Repeat{Tocsin: strings.Join(append(words, "probe", "run", result.Probe), " ")}
	if count := len(result.Exchanges); count > 0 && isHTTP(result.Exchanges[count-1]) {
		lines.Curl = curl(r, result.Exchanges[count-1], cfg.CAFile)
	}
	return lines
}

func curl(r *Redactor, x probes.Exchange, caFile string) string {
	words := []string{"curl", "-sv", "--max-time", "10"}
	if caFile != "" {
		words = append(words, "--cacert", quote(caFile))
	}
	if x.Method != http.MethodGet {
		words = append(words, "-X", x.Method)
	}
	for _, header := range r.headers(x.RequestHeader) {
		switch header.Name {
		case "User-Agent", "Traceparent", "X-Synthetic-Run":
			continue
		}
		words = append(words, "-H", quote(header.Name+": "+header.Value))
	}
	if len(x.RequestBody) > 0 {
		words = append(words, "--data", quote(r.body(x.RequestHeader.Get("Content-Type"), x.RequestBody)))
	}
	return strings.Join(append(words, quote(r.URL(x.URL))), " ")
}

// quote makes one word for a POSIX shell of any text.
func quote(text string) string {
	return fmt.Sprintf("'%s'", strings.ReplaceAll(text, "'", `'\''`))
}
