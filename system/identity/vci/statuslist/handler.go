package statuslist

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// ServeHTTP answers GET of a list, by the {list} of its path.
func (p *Publisher) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Access-Control-Allow-Origin", "*") // Token Status List, 8.1
	if r.URL.Query().Has("time") {                 // Token Status List, 8.4: only the present is told
		http.Error(w, "historical status lists are not kept", http.StatusNotImplemented)
		return
	}
	shelf := p.served.Load()
	number, err := strconv.ParseUint(r.PathValue("list"), 10, 64)
	d, known := shelf.documents[number]
	switch {
	case err != nil, !known && shelf.count > 0 && number >= shelf.count:
		http.Error(w, "there is no such status list", http.StatusNotFound)
		return
	case !known:
		header.Set("Retry-After", "1")
		http.Error(w, "the status list is not published yet; try again", http.StatusServiceUnavailable)
		return
	}
	header.Set("Content-Type", MediaType)
	header.Set("ETag", d.tag)
	header.Set("Vary", "Accept-Encoding")
	header.Set("Cache-Control", p.caching(d))
	if r.Header.Get("If-None-Match") == d.tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body := d.token
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		header.Set("Content-Encoding", "gzip")
		body = d.zipped
	}
	header.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method != http.MethodHead {
		w.Write(body)
	}
}

// caching lets caches keep a list as long as verifiers may, and beyond that
// when nobody answers.
func (p *Publisher) caching(d *document) string {
	fresh := max(p.TTL/2-p.Now().Sub(d.claims.issued()), 0) // the next renewal
	return "public, max-age=" + seconds(fresh) + ", stale-if-error=" + seconds(p.Life)
}

func seconds(d time.Duration) string { return strconv.FormatInt(int64(d/time.Second), 10) }
