package page

import (
	"net/http"
	"testing"
)

// sink takes answers and keeps nothing: what is measured is the page.
type sink struct{ header http.Header }

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) Write(b []byte) (int, error) { return len(b), nil }
func (s *sink) WriteHeader(int)             {}

func BenchmarkPIN(b *testing.B) {
	set, w, content := newSet(b, ""), &sink{http.Header{}}, &PIN{Step: step("ar")}
	b.ReportAllocs()
	for b.Loop() {
		set.PIN(w, http.StatusOK, content)
	}
}

func BenchmarkConsent(b *testing.B) {
	set, w := newSet(b, ""), &sink{http.Header{}}
	content := &Consent{Step: step("en"), Claims: []Claim{{"name", true}, {"given_name", false}, {"birthdate", false}, {"email", false}, {"address", false}}}
	b.ReportAllocs()
	for b.Loop() {
		set.Consent(w, content)
	}
}

func BenchmarkQR(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := NewQR("https://id.example/ui/wallet?code=ABCD-EFGH"); err != nil {
			b.Fatal(err)
		}
	}
}
