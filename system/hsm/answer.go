package hsm

import (
	"encoding/json"
	"net/http"
)

func (n *node) writeBinary(w http.ResponseWriter, body []byte) {
	w.Header().Set("Content-Type", "application/octet-stream")
	n.write(w, body)
}

func (n *node) writeJSON(w http.ResponseWriter, r *http.Request, code int, content any) {
	body, err := json.Marshal(content)
	if err != nil {
		n.log.ErrorContext(r.Context(), "encode answer", "error", err)
		refuse(w, http.StatusInternalServerError, "the answer cannot be encoded")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	n.write(w, body)
}

func (n *node) write(w http.ResponseWriter, body []byte) {
	if _, err := w.Write(body); err != nil {
		n.log.Debug("write answer", "error", err)
	}
}

func refuse(w http.ResponseWriter, code int, text string) { http.Error(w, text, code) }
