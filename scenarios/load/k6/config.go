package k6

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"tocsin/scenarios/load"
)

// Login is who logs in, where, and as which client. The secrets stay in their
// files: k6 reads them by itself, so that none is ever an argument or an
// environment variable.
type Login struct {
	Issuer        string
	Authorization string
	Token         string
	Userinfo      string
	ClientID      string
	KeyFile       string
	RedirectURI   string
	Scopes        []string
	First         string
	Count         int
	SecretFile    string
	// IndividualField and SecretField name the inputs of the login form; empty
	// ones are found by their kind.
	IndividualField string
	SecretField     string
	CAFile          string
	UserAgent       string
}

// Patience of one login and of one of its attempts.
const (
	giveUpAfter    = 30 * time.Second
	attemptTimeout = 4 * time.Second
)

// A login may wait for a failover of ten seconds and more while new ones keep
// starting; virtual users for that long are made before the load starts,
// because making them during it delays and drops logins. The rest, up to all
// logins waiting until they give up, is made when needed.
const (
	preallocatedSeconds = 16
	maxSeconds          = 36
)

type settings struct {
	RunID         string   `json:"run_id"`
	UserAgent     string   `json:"user_agent"`
	Rate          int      `json:"rate"`
	DurationMS    int64    `json:"duration_ms"`
	Preallocated  int      `json:"preallocated"`
	MaxVUs        int      `json:"max_vus"`
	GiveUpMS      int64    `json:"give_up_ms"`
	AttemptMS     int64    `json:"attempt_timeout_ms"`
	Issuer        string   `json:"issuer"`
	Audience      string   `json:"audience"`
	Authorization string   `json:"authorization_endpoint"`
	Token         string   `json:"token_endpoint"`
	Userinfo      string   `json:"userinfo_endpoint"`
	ClientID      string   `json:"client_id"`
	KeyFile       string   `json:"key_file"`
	RedirectURI   string   `json:"redirect_uri"`
	Scopes        []string `json:"scopes"`
	First         string   `json:"first"`
	Count         int      `json:"count"`
	Offset        int      `json:"offset"`
	Returning     bool     `json:"returning"`
	SecretFile    string   `json:"secret_file"`
	Fields        fields   `json:"fields"`
	SummaryFile   string   `json:"summary_file"`
}

type fields struct {
	IndividualID string `json:"individual_id"`
	Secret       string `json:"secret"`
}

// arrange fills folder with the scripts and their settings, and returns the
// path of the settings and of the summary that will be written.
func arrange(folder string, login Login, plan load.Plan) (settingsFile, summaryFile string, err error) {
	if err := os.CopyFS(folder, load.Scripts); err != nil {
		return "", "", fmt.Errorf("write load scripts: %w", err)
	}
	summaryFile = filepath.Join(folder, "summary.json")
	count, offset := login.Count, int(time.Now().Unix())%login.Count
	if plan.Returning > 0 { // always the same people, from the first
		count, offset = min(plan.Returning, login.Count), 0
	}
	data, err := json.Marshal(settings{
		RunID: plan.RunID, UserAgent: login.UserAgent,
		Rate: plan.Rate, DurationMS: plan.Duration.Milliseconds(),
		Preallocated: plan.Rate * preallocatedSeconds, MaxVUs: plan.Rate * maxSeconds,
		GiveUpMS: giveUpAfter.Milliseconds(), AttemptMS: attemptTimeout.Milliseconds(),
		Issuer: login.Issuer, Audience: login.Issuer,
		Authorization: login.Authorization, Token: login.Token, Userinfo: login.Userinfo,
		ClientID: login.ClientID, KeyFile: login.KeyFile, RedirectURI: login.RedirectURI, Scopes: login.Scopes,
		First: login.First, Count: count, Offset: offset, Returning: plan.Returning > 0,
		SecretFile: login.SecretFile, Fields: fields{login.IndividualField, login.SecretField},
		SummaryFile: summaryFile,
	})
	if err != nil {
		return "", "", fmt.Errorf("encode load settings: %w", err)
	}
	settingsFile = filepath.Join(folder, "settings.json")
	if err := os.WriteFile(settingsFile, data, 0o600); err != nil {
		return "", "", fmt.Errorf("write load settings: %w", err)
	}
	return settingsFile, summaryFile, nil
}
