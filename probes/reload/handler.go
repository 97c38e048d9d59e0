package reload

import (
	"encoding/json"
	"net/http"
	"net/netip"
)

// Path of the handler.
const Path = "/-/reload"

// ServeHTTP reloads. Only this machine may ask, and no web page on it: whoever
// may change the files is here already, and for all others this would be a way
// to keep Tocsin busy.
func (r *Reloader) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	if request.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "reload with POST", http.StatusMethodNotAllowed)
		return
	}
	if !local(request) || http.NewCrossOriginProtection().Check(request) != nil {
		http.Error(w, "only this machine may reload; a signal (kill -HUP) or a change of the files does it as well", http.StatusForbidden)
		return
	}
	outcome := r.Reload(request.Context(), "request")
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if !outcome.Applied {
		w.WriteHeader(http.StatusInternalServerError)
	}
	if err := json.NewEncoder(w).Encode(outcome); err != nil {
		r.cfg.Log.Debug("the caller left before the answer", "error", err)
	}
}

// local reports whether a request comes from this machine. One that a proxy
// hands on does not.
func local(request *http.Request) bool {
	for _, header := range []string{"Forwarded", "X-Forwarded-For", "X-Real-Ip", "Via"} {
		if request.Header.Get(header) != "" {
			return false
		}
	}
	from, err := netip.ParseAddrPort(request.RemoteAddr)
	return err == nil && from.Addr().Unmap().IsLoopback()
}
