package vci

import (
	"errors"

	"tocsin/internal/verdict"
	"tocsin/probes/exchange"
	"tocsin/probes/vci/mdoc"
)

// verifyMDoc checks an mdoc: signature, digests, type, holder and times, and
// its certificates where the target file names roots. Its status is not looked
// up.
func (s *session) verifyMDoc(text string) error {
	document, err := mdoc.Read(text)
	if errors.Is(err, mdoc.ErrSignature) {
		return exchange.Brokenf(verdict.Signature, "the mdoc: %v", mdoc.ErrSignature)
	}
	if err != nil {
		return exchange.Brokenf(verdict.Content, "the mdoc: %v", err)
	}
	for _, certificate := range document.Chain {
		s.Expires(certificate.NotAfter)
	}
	if err := anchor(document.Chain, s.roots, s.Now()); err != nil {
		return s.badChain("the mdoc", err)
	}
	switch {
	case document.DocType != s.wanted.Doctype:
		return exchange.Brokenf(verdict.Claims, "the mdoc is a %q, expected %q", shorten(document.DocType), s.wanted.Doctype)
	case !document.Bound(s.holder.key.Public()):
		return exchange.Brokenf(verdict.Claims, "the mdoc is bound to another key than the one that was proven")
	case document.Elements == 0:
		return exchange.Brokenf(verdict.Content, "the mdoc has no elements")
	}
	s.Figure("elements_total", float64(document.Elements))
	from, until := float64(document.From.Unix()), float64(document.Until.Unix())
	return s.checkTimes("the mdoc", times{NotBefore: &from, Expires: &until})
}
