package vci_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"tocsin/system/identity/token/tokentest"
	"tocsin/system/identity/vci/issue"
	"tocsin/system/identity/vci/record"
)

func TestDeferredIssuanceSurvivesALostAnswer(t *testing.T) {
	s := newStand(t)
	with := s.scoped(s.Wallet, reviewed)
	later := s.obtain(with, "credential_configuration_id", reviewed, http.StatusAccepted)
	if later.TransactionID == "" || later.Interval != 5 || later.Credentials != nil || later.NotificationID != "" {
		t.Fatalf("%+v", later)
	}
	collect := func(with access, status int) *issue.Response {
		t.Helper()
		w := s.send(http.MethodPost, "/vci/deferred", with, map[string]any{"transaction_id": later.TransactionID})
		return tokentest.Decode[issue.Response](t, w, status)
	}
	if again := collect(with, http.StatusAccepted); again.TransactionID != later.TransactionID || again.Interval < 1 {
		t.Errorf("before it is ready: %+v", again)
	}
	s.Clock = s.Clock.Add(5 * time.Second)
	first := collect(with, http.StatusOK)
	s.Clock = s.Clock.Add(4 * time.Minute)
	second := collect(with, http.StatusOK)
	one, other := first.Credentials[0].Credential, second.Credentials[0].Credential
	if first.NotificationID != second.NotificationID || statusOf(t, s.opened(one)) != statusOf(t, s.opened(other)) {
		t.Error("after a lost answer, another credential is issued")
	}
	if !slices.Equal(strings.Split(one, "~")[1:], strings.Split(other, "~")[1:]) {
		t.Error("after a lost answer, the disclosures are other ones")
	}
	s.Clock = s.Clock.Add(20 * time.Minute)
	if got := refusal(t, s.send(http.MethodPost, "/vci/deferred", s.scoped(s.Wallet, reviewed), map[string]any{"transaction_id": later.TransactionID})); got != "invalid_transaction_id" {
		t.Errorf("bound to a key that is not used any more: %s", got)
	}
}

func TestATransactionEndsAndIsOfItsWallet(t *testing.T) {
	s := newStand(t)
	with := s.scoped(s.Plain, reviewed) // a bearer token, so that another will do
	later := s.obtain(with, "credential_configuration_id", reviewed, http.StatusAccepted)
	collect := func(with access, id string) string {
		t.Helper()
		w := s.send(http.MethodPost, "/vci/deferred", with, map[string]any{"transaction_id": id})
		if w.Code == http.StatusOK {
			return ""
		}
		return refusal(t, w)
	}
	s.Clock = s.Clock.Add(time.Minute)
	for name, test := range map[string]struct {
		with access
		id   string
		want string
	}{
		"another client":           {s.scoped(s.Other, reviewed), later.TransactionID, "invalid_transaction_id"},
		"a token of another scope": {s.scoped(s.Plain, sdJWT), later.TransactionID, "insufficient_scope"},
		"a changed id":             {with, later.TransactionID[1:], "invalid_transaction_id"},
		"no id":                    {with, "", "invalid_credential_request"},
	} {
		if got := collect(test.with, test.id); got != test.want {
			t.Errorf("%s: %q, want %s", name, got, test.want)
		}
	}
	if got := collect(with, later.TransactionID); got != "" {
		t.Fatalf("its own wallet: %s", got)
	}
	s.Clock = s.Clock.Add(11 * time.Minute)
	if got := collect(s.scoped(s.Plain, reviewed), later.TransactionID); got != "invalid_transaction_id" {
		t.Errorf("after the grace: %q", got)
	}
}

func TestARevokedCredentialIsSeenToBe(t *testing.T) {
	s := newStand(t)
	with := s.scoped(s.Wallet, sdJWT)
	response := s.obtain(with, "credential_configuration_id", sdJWT, http.StatusOK)
	claims := s.opened(response.Credentials[0].Credential)
	other := s.opened(s.obtain(with, "credential_configuration_id", sdJWT, http.StatusOK).Credentials[0].Credential)
	path := "/vci/credentials/" + claims["jti"].(string) + "/revoke"
	if got := refusal(t, s.send(http.MethodPost, path, with, struct{}{})); got != "insufficient_scope" {
		t.Errorf("with a wallet's token: %s", got)
	}
	for range 2 {
		if w := s.send(http.MethodPost, path, s.service("credential_revocation"), struct{}{}); w.Code != http.StatusNoContent {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	if err := s.vci.Lists.Renew(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !s.revoked(statusOf(t, claims)) || s.revoked(statusOf(t, other)) {
		t.Error("the revoked credential, and only it, should be seen as revoked")
	}
	if w := s.send(http.MethodPost, "/vci/credentials/unknown/revoke", s.service("credential_revocation"), struct{}{}); w.Code != http.StatusNotFound {
		t.Errorf("an unknown credential: %d", w.Code)
	}
}

func TestNotifications(t *testing.T) {
	s := newStand(t)
	with := s.scoped(s.Plain, sdJWT)
	t.Run("oid4vci-1_0-issuer-happy-flow-skip-notification", func(*testing.T) {
		s.obtain(with, "credential_configuration_id", sdJWT, http.StatusOK)
		s.obtain(with, "credential_configuration_id", sdJWT, http.StatusOK)
	})
	id := s.obtain(with, "credential_configuration_id", sdJWT, http.StatusOK).NotificationID
	for _, test := range []struct {
		name string
		with access
		body any
		want string
	}{
		{"accepted", with, map[string]any{"notification_id": id, "event": "credential_accepted", "other": 1}, ""},
		{"accepted once more", with, map[string]any{"notification_id": id, "event": "credential_accepted"}, ""},
		{"deleted later", with, map[string]any{"notification_id": id, "event": "credential_deleted", "event_description": "No space"}, ""},
		{"by another client", s.scoped(s.Other, sdJWT), map[string]any{"notification_id": id, "event": "credential_deleted"}, "invalid_notification_id"},
		{"of an unknown issuance", with, map[string]any{"notification_id": "x", "event": "credential_deleted"}, "invalid_notification_id"},
		{"of no issuance", with, map[string]any{"event": "credential_deleted"}, "invalid_notification_request"},
		{"of an unknown event", with, map[string]any{"notification_id": id, "event": "CREDENTIAL_ACCEPTED"}, "invalid_notification_request"},
		{"with a description that is not ASCII", with, map[string]any{"notification_id": id, "event": "credential_failure", "event_description": "é"}, "invalid_notification_request"},
		{"without a token", access{}, map[string]any{"notification_id": id, "event": "credential_failure"}, "invalid_token"},
		{"as a JWT", with, "e30.e30.AA", "invalid_notification_request"},
		{"as a list", with, []string{id}, "invalid_notification_request"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := s.send(http.MethodPost, "/vci/notification", test.with, test.body)
			if test.want == "" && w.Code != http.StatusNoContent {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if test.want != "" {
				if got := refusal(t, w); got != test.want {
					t.Errorf("%s, want %s", got, test.want)
				}
			}
		})
	}
	if kept := s.records.Notification(id); kept == nil || kept.Event != record.Deleted || kept.Description != "No space" {
		t.Errorf("kept %+v", kept)
	}
}
