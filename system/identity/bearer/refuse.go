package bearer

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"tocsin/system/identity/compact"
	"tocsin/system/identity/oautherr"
)

// Refuse answers with err. Verdicts about the token or its proof get the
// challenges of RFC 6750, 3 and RFC 9449, 7.1; other verdicts, and what is no
// verdict at all, get none.
func Refuse(w http.ResponseWriter, r *http.Request, log *slog.Logger, err error) {
	verdict := oautherr.Verdict(err)
	if verdict == nil {
		oautherr.WriteJSON(w, r, log, err)
		return
	}
	status := oautherr.Status(err)
	switch verdict.Kind {
	case oautherr.InvalidDPoPProof, oautherr.UseDPoPNonce:
		status = http.StatusUnauthorized // RFC 9449, 7.1 and 9
		challenge(w, verdict, true)
	case oautherr.InvalidToken, oautherr.InsufficientScope, oautherr.InvalidRequest:
		scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		challenge(w, verdict, strings.EqualFold(scheme, schemeDPoP))
	}
	oautherr.WriteStatus(w, r, log, err, status)
}

// challenge names both schemes; the one that was used says what was wrong.
func challenge(w http.ResponseWriter, verdict *oautherr.Error, proven bool) {
	bearer, dpop := "Bearer", fmt.Sprintf("DPoP algs=%q", strings.Join(compact.Algorithms(), " "))
	wrong := fmt.Sprintf("error=%q, error_description=%q", verdict.Kind, verdict.Description)
	switch {
	case verdict.Description == noToken:
	case proven:
		dpop += ", " + wrong
		bearer, dpop = dpop, bearer
	default:
		bearer += " " + wrong
	}
	w.Header().Add("WWW-Authenticate", bearer)
	w.Header().Add("WWW-Authenticate", dpop)
}
