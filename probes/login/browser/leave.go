package browser

import (
	"context"
	_ "embed"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"tocsin/probes"
	"tocsin/probes/login"
)

//go:embed redact.js
var redactScript string

// leaveLimit bounds what is done for the evidence of a login that failed.
const leaveLimit = 5 * time.Second

// leave leaves a picture of the page and its DOM for the evidence. The page's
// own scripts are stopped first, so that they do not write back what is taken
// out. A page that cannot be pictured leaves nothing: the login has failed for
// a reason of its own.
func (h *hand) leave(ctx context.Context, person login.Person) {
	h.record()
	limited, stop := context.WithTimeout(context.WithoutCancel(ctx), leaveLimit)
	defer stop()
	bounded, cancel := h.tab.Within(limited)
	defer cancel()
	secrets, known := h.secrets(person)
	if !known {
		return
	}
	world, err := newWorld(bounded)
	if err != nil {
		return
	}
	_, err = chromedp.Call(bounded, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	if err != nil {
		return
	}
	dom, err := inWorld[string](bounded, world, redactScript, secrets, []string{h.shown})
	if err != nil {
		return
	}
	h.run.Leave(probes.Artifact{Name: "page.html.txt", MediaType: "text/html", Data: []byte(dom)})
	picture, err := chromedp.Run(bounded, func(ctx context.Context, tab *chromedp.Target) ([]byte, error) {
		taken, err := cdp.Call(ctx, tab, page.CaptureScreenshot, page.CaptureScreenshotParams{Format: page.CaptureScreenshotFormatPng})
		return taken.Data, err
	})
	if err == nil {
		h.run.Leave(probes.Artifact{Name: "page.png", MediaType: "image/png", Data: picture})
	}
}

// secrets are what must not be seen. While they are not known, nothing is left.
func (h *hand) secrets(person login.Person) (secrets []string, known bool) {
	for _, typed := range h.typed {
		// A digit of a code that has a field of its own is no secret by itself,
		// and would be found in half of the page.
		if len(typed) > 1 {
			secrets = append(secrets, typed)
		}
	}
	if person.SecretFile == "" {
		return secrets, true
	}
	secret, err := person.Secret()
	return append(secrets, secret), err == nil
}
