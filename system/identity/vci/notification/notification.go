// Package notification is the notification endpoint (OpenID4VCI 1.0, 11):
// wallets say what became of credentials. Saying it again changes nothing.
package notification

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"mime"
	"net/http"
	"strings"
	"time"

	"tocsin/system/identity/bearer"
	"tocsin/system/identity/compact"
	"tocsin/system/identity/oautherr"
	"tocsin/system/identity/store"
	"tocsin/system/identity/vci/access"
	"tocsin/system/identity/vci/message"
	"tocsin/system/identity/vci/record"
)

// Records keeps notifications (record.Store).
type Records interface {
	Notify(ctx context.Context, notification record.Notification) error
}

// Endpoint answers POST /vci/notification.
type Endpoint struct {
	Gate    *access.Gate
	Records Records
	Now     func() time.Time
	Log     *slog.Logger
}

// ServeHTTP implements http.Handler.
func (e *Endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := e.take(w, r); err != nil {
		bearer.Refuse(w, r, e.Log, err)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
}

func (e *Endpoint) take(w http.ResponseWriter, r *http.Request) error {
	token, err := e.Gate.Admit(w, r)
	if err != nil {
		return err
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return oautherr.New(oautherr.InvalidNotificationRequest, "the body must be application/json")
	}
	body, err := message.Body(w, r, oautherr.InvalidNotificationRequest)
	if err != nil {
		return err
	}
	notification, err := parse(body)
	if err != nil {
		return err
	}
	notification.Person, notification.ClientID, notification.At = token.Person, token.ClientID, e.Now()
	err = e.Records.Notify(r.Context(), *notification)
	if errors.Is(err, store.ErrNotFound) {
		return oautherr.New(oautherr.InvalidNotificationID, "the notification_id is unknown, or of somebody else")
	}
	if err != nil {
		return fmt.Errorf("record notification: %w", err)
	}
	return nil
}

// Bounds of what is kept.
const (
	maxID          = 64
	maxDescription = 500
)

// parse reads a notification request (OpenID4VCI 1.0, 11.1).
func parse(text []byte) (*record.Notification, error) {
	parsed := &record.Notification{}
	var event string
	err := message.Members(text, oautherr.InvalidNotificationRequest, func(name string, value []byte) (err error) {
		switch name {
		case "notification_id":
			parsed.Issuance, err = compact.String(value)
		case "event":
			event, err = compact.String(value)
		case "event_description":
			parsed.Description, err = compact.String(value)
		}
		return err
	})
	parsed.Event = record.Event(event)
	switch {
	case err != nil:
		return nil, err
	case parsed.Issuance == "":
		return nil, oautherr.New(oautherr.InvalidNotificationRequest, "notification_id is missing")
	case len(parsed.Issuance) > maxID:
		return nil, oautherr.New(oautherr.InvalidNotificationID, "the notification_id is unknown")
	case parsed.Event != record.Accepted && parsed.Event != record.Failed && parsed.Event != record.Deleted:
		return nil, oautherr.New(oautherr.InvalidNotificationRequest, "event must be credential_accepted, credential_failure or credential_deleted")
	case len(parsed.Description) > maxDescription || strings.ContainsFunc(parsed.Description, unprintable):
		return nil, oautherr.New(oautherr.InvalidNotificationRequest, "event_description is too long, or has characters that it may not have")
	}
	return parsed, nil
}

// unprintable is what is outside of %x20-21 / %x23-5B / %x5D-7E.
func unprintable(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }
