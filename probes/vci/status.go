package vci

import (
	"context"
	"net/http"

	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
	"tocsin/probes/vci/statuslist"
)

// checkStatus reads the status list of the credential as a verifier does
// (Token Status List, 8.3) and wants the new credential to be valid.
func (s *session) checkStatus(ctx context.Context) error {
	status := s.verified.status
	reply, err := s.fetchList(ctx, status.URI)
	if err != nil {
		return err
	}
	payload, err := s.verifyJWT(ctx, "the status list", string(reply.Body), statuslist.Type, s.verified.issuer)
	if err != nil {
		return err
	}
	token, err := statuslist.Parse(payload)
	if err != nil {
		return exchange.Brokenf(verdict.Content, "%v", err)
	}
	if token.Subject != status.URI {
		return exchange.Brokenf(verdict.Claims, "the status list says that it is %q, and was read at %q", shorten(token.Subject), shorten(status.URI))
	}
	if err := s.checkTimes("the status list", times{IssuedAt: token.IssuedAt, Expires: token.Expires}); err != nil {
		return err
	}
	s.Figure("status_list_age_seconds", s.Now().Sub(token.Issued()).Seconds())
	if expiry, states := token.Expiry(); states {
		s.Figure("status_list_expiry_seconds", expiry.Sub(s.Now()).Seconds())
	}
	return s.checkEntry(token.List, *status.Index)
}

func (s *session) checkEntry(encoded statuslist.Encoded, index uint64) error {
	list, err := statuslist.Decode(encoded)
	if err != nil {
		return exchange.Brokenf(verdict.Content, "the status list: %v", err)
	}
	s.Figure("status_list_entries_total", float64(list.Len()))
	entry, err := list.At(index)
	if err != nil {
		return exchange.Brokenf(verdict.Content, "the status list: %v", err)
	}
	if entry != statuslist.Valid {
		return exchange.Brokenf(verdict.Claims, "the credential that was issued a moment ago has the status %s", entry)
	}
	return nil
}

// fetchList follows redirects, as verifiers should (Token Status List, 8.2).
func (s *session) fetchList(ctx context.Context, address string) (*exchange.Reply, error) {
	const maxHops = 5
	for range maxHops {
		reply, err := s.Get(ctx, address, statuslist.MediaType)
		if err != nil {
			return nil, err
		}
		if reply.Status < 300 || reply.Status > 399 {
			return reply, readable(reply)
		}
		next, err := reply.URL.Parse(reply.Header.Get("Location"))
		if err != nil {
			return nil, exchange.Brokenf(verdict.Redirect, "the status list redirects to nowhere: %v", err)
		}
		address = next.String()
	}
	return nil, exchange.Brokenf(verdict.Redirect, "the status list redirects more than %d times", maxHops)
}

func readable(reply *exchange.Reply) error {
	if reply.Status != http.StatusOK {
		return exchange.Unexpected(reply, "")
	}
	if !isMedia(reply, statuslist.MediaType) {
		return exchange.Brokenf(verdict.Content, "the status list has the media type %q, not %s", reply.Header.Get("Content-Type"), statuslist.MediaType)
	}
	return nil
}
