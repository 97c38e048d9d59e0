package oidc

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"

	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
)

// protocolError is an error in the words of OAuth (RFC 6749, section 5.2).
type protocolError struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

func (e protocolError) text() string {
	return shorten(strings.TrimSpace(e.Error + " " + e.Description))
}

// readJSON takes the answer of an endpoint that must answer 200 with a JSON
// object. What names the endpoint for people.
func (s *Session) readJSON(reply *exchange.Reply, what string, into any) error {
	if reply.Status != http.StatusOK && reply.Status != http.StatusCreated {
		return s.Refused(reply)
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(reply.Body, &object); err != nil {
		return exchange.Brokenf(verdict.Content, "%s answered %d with something that is not JSON: %v", what, reply.Status, err)
	}
	if failure := lied(reply, what, object); failure != nil {
		return failure
	}
	if err := json.Unmarshal(reply.Body, into); err != nil {
		return exchange.Brokenf(verdict.Content, "the answer of %s cannot be read: %v", what, err)
	}
	return nil
}

// lied finds an error inside an answer that says by its status that all is
// well: clients that look at the status alone go on with nothing.
func lied(reply *exchange.Reply, what string, object map[string]json.RawMessage) *exchange.Failure {
	var code string
	if json.Unmarshal(object["error"], &code) != nil || code == "" {
		return nil
	}
	return exchange.Brokenf(verdict.Lie, "%s answered %d with the error %s: a lie", what, reply.Status, shorten(code))
}

// Refused explains an answer that refuses what it must not refuse. An endpoint
// that speaks of a fault of its own is unavailable; one that gives a verdict of
// the protocol is wrong, unless our own clock made it say so.
func (s *Session) Refused(reply *exchange.Reply) error {
	said := refusalOf(reply)
	failure := exchange.Unexpected(reply, said.text())
	if failure.Reason.Transient() || said.Error == "" {
		return failure
	}
	switch said.Error {
	case "temporarily_unavailable", "server_error":
		failure.Reason = verdict.Unavailable
	case "invalid_client", "invalid_dpop_proof", "invalid_proof":
		return s.WrongTime(verdict.ProtocolError, failure.Detail)
	default:
		failure.Reason = verdict.ProtocolError
	}
	return failure
}

// challenge finds a parameter of a WWW-Authenticate header (RFC 6750, section
// 3).
var challenge = regexp.MustCompile(`\b(error|error_description)="([^"]*)"`)

// refusalOf reads why an answer refuses: from its body, else from its
// challenge.
func refusalOf(reply *exchange.Reply) protocolError {
	var said protocolError
	if json.Unmarshal(reply.Body, &said) == nil && said.Error != "" {
		return said
	}
	said = protocolError{}
	for _, match := range challenge.FindAllStringSubmatch(strings.Join(reply.Header.Values("WWW-Authenticate"), ", "), -1) {
		if match[1] == "error" {
			said.Error = match[2]
		} else {
			said.Description = match[2]
		}
	}
	return said
}
