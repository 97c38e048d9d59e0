package console

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Gallery is the page of all pictures, and the JSON of /api/v1/visual.
type Gallery struct {
	Time     time.Time `json:"time"`
	Target   string    `json:"target"`
	Issuer   string    `json:"issuer"`
	Headline Headline  `json:"headline"`
	Counts   Counts    `json:"counts"`
	// Query and Show are what the reader looks for.
	Query    string   `json:"query"`
	Show     Standing `json:"show,omitempty"`
	Pictures []Review `json:"pictures"`
	// Decisions is false where nothing can be decided here.
	Decisions bool `json:"decisions"`
	// Version changes when there is something else to see.
	Version string `json:"version"`
	// Decided is the picture that the reader comes from.
	Decided *Review `json:"-"`
}

// Group returns the shown pictures of a standing.
func (g *Gallery) Group(s Standing) []Review {
	var found []Review
	for _, r := range g.Pictures {
		if r.Standing == s {
			found = append(found, r)
		}
	}
	return found
}

// Card is a picture in the list.
func (g *Gallery) Card(r Review) struct {
	Now    time.Time
	Review Review
} {
	return struct {
		Now    time.Time
		Review Review
	}{g.Time, r}
}

// Reviewed is the page of one picture, and the JSON of /api/v1/visual/NAME.
type Reviewed struct {
	Time   time.Time `json:"time"`
	Target string    `json:"target"`
	Issuer string    `json:"issuer"`
	Review
	// Position is its place among Total, from 1, in the order of the list.
	Position  int     `json:"position"`
	Total     int     `json:"total"`
	Previous  string  `json:"previous,omitempty"`
	Next      string  `json:"next,omitempty"`
	Decisions bool    `json:"decisions"`
	Version   string  `json:"version"`
	Decided   *Review `json:"-"`
	// Refused is why a decision was not taken, and Typed what it was.
	Refused string `json:"-"`
	Typed   typed  `json:"-"`
	// Reasons are what was said lately of other pictures: one change is often seen
	// on many.
	Reasons []string `json:"-"`
}

// First reports whether there is nothing approved that it could be held against.
func (r *Reviewed) First() bool { return r.first() }

// routeReviews adds the pages of pictures.
func (c *Console) routeReviews() {
	c.mux.HandleFunc("GET /visual", c.serveGallery(false))
	c.mux.HandleFunc("GET /visual/{$}", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/visual", http.StatusMovedPermanently)
	})
	c.mux.HandleFunc("GET /api/v1/visual", c.serveGallery(true))
	c.mux.HandleFunc("GET /visual/{name}", c.serveReview(false))
	c.mux.HandleFunc("GET /api/v1/visual/{name}", c.serveReview(true))
	// Who reloads the answer to a decision sees the picture.
	c.mux.HandleFunc("GET /visual/{name}/decision", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/visual/"+url.PathEscape(r.PathValue("name")), http.StatusSeeOther)
	})
	c.mux.Handle("POST /visual/{name}/decision", c.ownPages(http.HandlerFunc(c.serveDecision)))
}

// reviews returns every picture in the order of the list.
func (c *Console) reviews(ctx context.Context) ([]Review, error) {
	pictures, err := c.cfg.Reviews.Pictures(ctx)
	if err != nil {
		return nil, fmt.Errorf("list pictures: %w", err)
	}
	all := make([]Review, 0, len(pictures))
	for index := range pictures {
		all = append(all, c.review(&pictures[index]))
	}
	order(all)
	return all, nil
}

func (c *Console) serveGallery(encode bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		show := Standing(r.URL.Query().Get("show"))
		if show != "" && !slices.Contains(standings(), show) {
			http.Error(w, fmt.Sprintf("show=%q is none of %v", show, standings()), http.StatusBadRequest)
			return
		}
		all, err := c.reviews(r.Context())
		if err != nil {
			c.refusePictures(w, r, err)
			return
		}
		g := Gallery{
			Time: c.cfg.Now().UTC(), Target: c.cfg.Target, Issuer: c.issuer(), Headline: concluded(all), Counts: count(all), Pictures: []Review{},
			Query: strings.TrimSpace(r.URL.Query().Get("q")), Show: show, Decisions: c.cfg.Decisions, Version: version(all...), Decided: comesFrom(r, all),
		}
		for _, one := range all {
			if one.matches(g.Query) && (show == "" || show == one.Standing) {
				g.Pictures = append(g.Pictures, one)
			}
		}
		c.answer(w, r, encode, http.StatusOK, "gallery.html", &g)
	}
}

func (c *Console) serveReview(encode bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		page, err := c.reviewed(r.Context(), r.PathValue("name"))
		if err != nil {
			c.refusePictures(w, r, err)
			return
		}
		if from := r.URL.Query().Get("decided"); from != "" {
			all, err := c.reviews(r.Context())
			if err != nil {
				c.refusePictures(w, r, err)
				return
			}
			page.Decided = comesFrom(r, all)
		}
		c.answer(w, r, encode, http.StatusOK, "review.html", page)
	}
}

// reviewed is the page of one picture.
func (c *Console) reviewed(ctx context.Context, name string) (*Reviewed, error) {
	if !folderSafe(name) {
		return nil, ErrNoPicture
	}
	picture, err := c.cfg.Reviews.Picture(ctx, name)
	if err != nil {
		return nil, err
	}
	all, err := c.reviews(ctx)
	if err != nil {
		return nil, err
	}
	page := &Reviewed{
		Time: c.cfg.Now().UTC(), Target: c.cfg.Target, Issuer: c.issuer(), Review: c.review(picture), Total: len(all), Decisions: c.cfg.Decisions,
	}
	page.Version = version(page.Review)
	at := slices.IndexFunc(all, func(one Review) bool { return one.Name == name })
	page.Position, page.Reasons = at+1, lately(all, page.Time)
	if at > 0 {
		page.Previous = all[at-1].Name
	}
	if at >= 0 && at+1 < len(all) {
		page.Next = all[at+1].Name
	}
	return page, nil
}

// comesFrom is the picture about which the reader has just decided.
func comesFrom(r *http.Request, all []Review) *Review {
	name := r.URL.Query().Get("decided")
	at := slices.IndexFunc(all, func(one Review) bool { return one.Name == name && one.decided() != nil })
	if at < 0 {
		return nil
	}
	from := all[at]
	from.Decision = from.decided()
	return &from
}

// folderSafe is what names of pictures are made of.
func folderSafe(name string) bool {
	const longest = 200
	if name == "" || len(name) > longest || name[0] == '.' {
		return false
	}
	for _, letter := range []byte(name) {
		ok := letter >= 'a' && letter <= 'z' || letter >= 'A' && letter <= 'Z' || letter >= '0' && letter <= '9' || strings.IndexByte("_-.", letter) >= 0
		if !ok {
			return false
		}
	}
	return true
}

// version is the same for as long as a reader would see the same.
func version(all ...Review) string {
	sum := fnv.New64a()
	for _, r := range all {
		fmt.Fprintf(sum, "%q %s %s %s %d %s\n", r.Name, r.Verdict, r.SHA256, r.Standing, len(r.History), r.Detail)
	}
	return fmt.Sprintf("%016x", sum.Sum64())
}

// answer sends a page, or its JSON with encode.
func (c *Console) answer(w http.ResponseWriter, r *http.Request, encode bool, status int, name string, value any) {
	var body bytes.Buffer
	var err error
	kind := "text/html; charset=utf-8"
	if encode {
		kind = "application/json"
		err = json.NewEncoder(&body).Encode(value)
	} else {
		err = c.page.ExecuteTemplate(&body, name, value)
	}
	if err != nil {
		c.refusePictures(w, r, fmt.Errorf("render pictures: %w", err))
		return
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "no-store")
	// Without any referrer, a browser does not say either that a decision comes
	// from a page of ours.
	w.Header().Set("Referrer-Policy", "same-origin")
	w.WriteHeader(status)
	if _, err := w.Write(body.Bytes()); err != nil {
		c.cfg.Log.DebugContext(r.Context(), "the reader left before the answer", "error", err)
	}
}

// refusePictures says in plain text what is wrong and what to do.
func (c *Console) refusePictures(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case r.Context().Err() != nil:
	case errors.Is(err, ErrNoPicture):
		http.Error(w, "There is no picture of that name. All pictures are listed at /visual", http.StatusNotFound)
	case errors.Is(err, ErrUndecidable):
		http.Error(w, err.Error(), http.StatusBadRequest)
	default:
		c.cfg.Log.ErrorContext(r.Context(), "the console cannot show pictures", "error", err)
		http.Error(w, "Pictures cannot be read or decided about: "+err.Error(), http.StatusServiceUnavailable)
	}
}
