package visual

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"tocsin/internal/browser"
	"tocsin/internal/verdict"
	"tocsin/visual/baseline"
	"tocsin/visual/checks"
)

// Taken is one picture that was only taken, or why there is none.
type Taken struct {
	Check   string          `json:"check"`
	Verdict verdict.Verdict `json:"verdict"`
	Reason  verdict.Reason  `json:"reason"`
	// Detail says what is wrong; empty for a picture of the page.
	Detail      string               `json:"detail,omitempty"`
	URL         string               `json:"url,omitempty"`
	Status      int                  `json:"status,omitempty"`
	SHA256      string               `json:"sha256,omitempty"`
	Environment baseline.Environment `json:"environment"`
	Notes       []string             `json:"notes,omitempty"`
	// LoadingMS is how long the page took to load, SettlingMS from then to the
	// picture.
	LoadingMS  float64 `json:"loading_ms"`
	SettlingMS float64 `json:"settling_ms"`
}

// Picture takes a picture and keeps it in a folder, as NAME.png, NAME.page.json
// and NAME.json. It says nothing about whether the page is as it should be: pass
// means that the picture was taken, of a page with the status it must have.
func (l *Looker) Picture(ctx context.Context, shot checks.Shot, folder string) Taken {
	taken := Taken{Check: shot.Name}
	end := func(reason verdict.Reason, detail string) Taken {
		taken.Verdict, taken.Reason, taken.Detail = reason.Verdict(), reason, detail
		return taken
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return end(verdict.OwnConfig, fmt.Sprintf("make folder for pictures: %v", err))
	}
	found, err := l.look(ctx, shot, newMarking())
	taken.Environment = found.environment
	if err != nil {
		return end(l.reasonOf(ctx, err))
	}
	taken.URL, taken.Status, taken.Notes = browser.WithoutQuery(found.URL), found.Status, found.Notes
	taken.LoadingMS, taken.SettlingMS = milliseconds(found.Loading), milliseconds(found.Settling)
	taken = end(l.wrongPage(found.Shot, shot))
	if err := taken.keep(folder, found); err != nil {
		return end(verdict.OwnConfig, err.Error())
	}
	return taken
}

// keep writes the picture, what is on it, and what is said of it.
func (t *Taken) keep(folder string, found sight) error {
	write := func(ending string, content []byte) error {
		if err := os.WriteFile(filepath.Join(folder, t.Check+ending), content, 0o600); err != nil {
			return fmt.Errorf("keep picture: %w", err)
		}
		return nil
	}
	if found.PNG != nil {
		t.SHA256 = baseline.Hash(found.PNG)
		if err := write(".png", found.PNG); err != nil {
			return err
		}
	}
	if found.Page != nil {
		encoded, err := found.Page.Encode()
		if err != nil {
			return fmt.Errorf("keep page: %w", err)
		}
		if err := write(".page.json", encoded); err != nil {
			return err
		}
	}
	encoded, err := json.MarshalIndent(t, "", "  ")
	if err != nil {
		return fmt.Errorf("keep picture: %w", err)
	}
	return write(".json", append(encoded, '\n'))
}
