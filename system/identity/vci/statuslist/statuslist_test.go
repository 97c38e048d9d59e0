package statuslist

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"tocsin/system/identity/vci/record"
	"tocsin/system/identity/vci/record/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The example of Token Status List, 4.1.
func TestBitsArePackedFromTheLeastSignificant(t *testing.T) {
	statuses := []int{1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1}
	list := NewList()
	for i, status := range statuses {
		if status == 1 {
			list.Revoke(uint32(i))
		}
	}
	if !bytes.Equal(list.bits[:2], []byte{0xB9, 0xA3}) {
		t.Errorf("bytes are %x, want b9a3", list.bits[:2])
	}
	published, err := hex.DecodeString("78dadbb918000217015d")
	if err != nil {
		t.Fatal(err)
	}
	bits, err := decompress(base64.RawURLEncoding.EncodeToString(published), 2)
	if err != nil || !bytes.Equal(bits, []byte{0xB9, 0xA3}) {
		t.Errorf("the published example decompresses to %x: %v", bits, err)
	}
	ours, err := compress([]byte{0xB9, 0xA3})
	if err != nil {
		t.Fatal(err)
	}
	if again, err := decompress(ours, 2); err != nil || !bytes.Equal(again, []byte{0xB9, 0xA3}) {
		t.Errorf("what is compressed here decompresses to %x: %v", again, err)
	}
}

// The entries of Token Status List, annex on test vectors, 1-bit list.
func TestAListOfAMillionEntriesKeepsEachOfThem(t *testing.T) {
	revoked := map[uint32]bool{0: true, 1993: true, 25460: true, 159495: true, 495669: true, 554353: true, 645645: true, 723232: true, 854545: true, 934534: true, 1000345: true}
	list := NewList()
	for index := range revoked {
		list.Revoke(index)
	}
	encoded, err := list.Encode()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Decode(encoded)
	if err != nil {
		t.Fatal(err)
	}
	for index := range uint32(Size) {
		if again.Revoked(index) != revoked[index] {
			t.Fatalf("entry %d is %v", index, again.Revoked(index))
		}
	}
}

func TestWhatIsNoListIsRefused(t *testing.T) {
	small, err := compress([]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	bomb, err := compress(make([]byte, 64<<20))
	if err != nil {
		t.Fatal(err)
	}
	for name, encoded := range map[string]Encoded{
		"two bits": {Bits: 2}, "no base64": {Bits: 1, List: "*"}, "no zlib": {Bits: 1, List: "AAAA"},
		"too short": {Bits: 1, List: small}, "a bomb": {Bits: 1, List: bomb},
	} {
		if _, err := Decode(encoded); err == nil {
			t.Errorf("%s is taken for a list", name)
		}
	}
}

func TestEverySerialHasAnEntryOfItsOwnThatNothingTellsOf(t *testing.T) {
	entries := NewEntries("https://issuer", []byte("a secret of thirty-two bytes ...."))
	taken := make([]bool, Size)
	neighbours := 0
	var before uint32
	for serial := uint64(Size); serial < Size+Size/16; serial++ {
		number, index := entries.Of(serial)
		if number != 1 || taken[index] {
			t.Fatalf("serial %d has entry %d of list %d, which is not its own", serial, index, number)
		}
		taken[index] = true
		if index == before+1 {
			neighbours++
		}
		before = index
	}
	if neighbours > 5 { // a sixteenth of one is expected of a random permutation
		t.Errorf("%d serials in a row have entries in a row", neighbours)
	}
	_, one := entries.Of(7)
	_, other := NewEntries("https://issuer", []byte("another secret of as many bytes..")).Of(7)
	_, third := entries.Of(7 + Size)
	if one == other && one == third {
		t.Error("the entry follows from the serial alone")
	}
}

// signer makes tokens that are not signed, as long as it is not told to fail.
type signer struct {
	err   error
	calls int
}

func (s *signer) JWT(_ context.Context, _ string, claims any) (string, error) {
	if s.err != nil {
		return "", s.err
	}
	s.calls++
	payload, err := json.Marshal(claims)
	return "e30." + base64.RawURLEncoding.EncodeToString(payload) + ".AA", err
}

type stand struct {
	*Publisher
	records *memory.Store
	signer  *signer
	config  Config
	handler http.Handler
}

func newStand(t *testing.T, first uint64) *stand {
	t.Helper()
	s := &stand{records: memory.New(first), signer: &signer{}}
	s.config = Config{
		Entries: NewEntries("https://issuer", []byte("a secret of thirty-two bytes ....")),
		Records: s.records, Signer: s.signer, Folder: t.TempDir(), Now: time.Now, Log: slog.New(slog.DiscardHandler),
	}
	s.restart(t)
	return s
}

// restart is a new process over the same folder.
func (s *stand) restart(t *testing.T) {
	t.Helper()
	publisher, err := New(s.config)
	if err != nil {
		t.Fatal(err)
	}
	s.Publisher = publisher
	mux := http.NewServeMux()
	mux.Handle("GET "+Path+"{list}", publisher)
	s.handler = mux
}

func (s *stand) issue(t *testing.T, id string) uint64 {
	t.Helper()
	issuance := &record.Issuance{ID: id, Credentials: []record.Credential{{ID: id + "-1"}}}
	if err := s.records.Issue(t.Context(), issuance); err != nil {
		t.Fatal(err)
	}
	return issuance.Credentials[0].Serial
}

func (s *stand) revoke(t *testing.T, id string) []uint64 {
	t.Helper()
	serials, err := s.records.Revoke(t.Context(), id, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return serials
}

func (s *stand) get(t *testing.T, path string) *httptest.ResponseRecorder {
	t.Helper()
	recorder := httptest.NewRecorder()
	s.handler.ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	return recorder
}

// revoked fetches a list as a verifier does and looks an entry up.
func (s *stand) revoked(t *testing.T, serial uint64) bool {
	t.Helper()
	number, index := s.Entries.Of(serial)
	answer := s.get(t, s.Entries.URI(number)[len("https://issuer"):])
	if answer.Code != http.StatusOK || answer.Header().Get("Content-Type") != MediaType {
		t.Fatalf("list %d: %d %s", number, answer.Code, answer.Header().Get("Content-Type"))
	}
	_, list, err := s.parse(number, answer.Body.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return list.Revoked(index)
}

func (s *stand) renew(t *testing.T) {
	t.Helper()
	if err := s.Renew(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestARevocationIsPublishedByEveryProcess(t *testing.T) {
	here := newStand(t, Size-1) // the second credential is in the second list
	there := newStand(t, 0)
	there.config.Records = here.records
	there.restart(t)
	first, second := here.issue(t, "a"), here.issue(t, "b")
	here.renew(t)
	there.renew(t)
	for _, serial := range []uint64{first, second} {
		if here.revoked(t, serial) || there.revoked(t, serial) {
			t.Fatal("a new credential is revoked")
		}
	}
	here.Revoke(here.revoke(t, "b"))
	here.renew(t)
	there.renew(t)
	if !here.revoked(t, second) || !there.revoked(t, second) || here.revoked(t, first) {
		t.Error("the revoked credential, and only it, should be seen as revoked")
	}
}

func TestListsOutliveTheLossOfEverythingAndARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t, 0)
		serial := s.issue(t, "a")
		s.Revoke(s.revoke(t, "a"))
		s.renew(t)
		s.records.Fail(errors.New("no database"))
		s.signer.err = errors.New("no HSM")
		s.restart(t)
		time.Sleep(s.TTL)
		if err := s.Renew(t.Context()); err == nil {
			t.Error("renewing without a database succeeds")
		}
		if !s.revoked(t, serial) {
			t.Error("the revocation is lost")
		}
		if age, known := s.Age(); !known || age < s.TTL {
			t.Errorf("the age is told as %s", age)
		}
		if answer := s.get(t, Path+"7"); answer.Code != http.StatusServiceUnavailable || answer.Header().Get("Retry-After") == "" {
			t.Errorf("a list that may exist: %d, want 503", answer.Code)
		}
	})
}

func TestAnOldListIsNotCalledNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t, 0)
		s.issue(t, "a")
		s.renew(t)
		signed := s.signer.calls
		time.Sleep(s.TTL / 2)
		s.records.Fail(errors.New("no database"))
		if err := s.Renew(t.Context()); err == nil || s.signer.calls != signed {
			t.Errorf("lists signed anew without knowing what is revoked: %d, %v", s.signer.calls-signed, err)
		}
		s.records.Fail(nil)
		if s.renew(t); s.signer.calls == signed {
			t.Error("lists at half their time to live are not renewed")
		}
		signed = s.signer.calls
		if s.renew(t); s.signer.calls != signed {
			t.Error("lists are renewed although nothing changed")
		}
	})
}

func TestARevocationKnownHereIsPublishedWithoutTheDatabase(t *testing.T) {
	s := newStand(t, 0)
	serial := s.issue(t, "a")
	s.renew(t)
	serials := s.revoke(t, "a")
	s.records.Fail(errors.New("no database"))
	s.Revoke(serials)
	if err := s.Renew(t.Context()); err == nil {
		t.Error("the loss of the database is not told")
	}
	if !s.revoked(t, serial) {
		t.Error("the revocation is not published")
	}
}

func TestAReplicaThatLagsTakesNoRevocationBack(t *testing.T) {
	s := newStand(t, 0)
	serial := s.issue(t, "a")
	s.Publisher.Revoke([]uint64{serial}) // the replica does not know yet
	s.renew(t)
	s.renew(t)
	if !s.revoked(t, serial) {
		t.Error("the revocation went away")
	}
}

func TestRunPublishesAtOnceWhatIsRevoked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t, 0)
		serial := s.issue(t, "a")
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.Run(ctx)
		}()
		synctest.Wait()
		s.Revoke(s.revoke(t, "a"))
		synctest.Wait()
		if !s.revoked(t, serial) {
			t.Error("the revocation waits for the next look")
		}
		cancel()
		<-done
	})
}

func TestTheAddressOfAList(t *testing.T) {
	s := newStand(t, 0)
	s.renew(t)
	for _, test := range []struct {
		name, path string
		want       int
	}{
		{"a list that is there", Path + "0", http.StatusOK},
		{"the list that comes next", Path + "1", http.StatusOK},
		{"a list that is not there", Path + "2", http.StatusNotFound},
		{"no number", Path + "..x", http.StatusNotFound},
		{"the past", Path + "0?time=1686925000", http.StatusNotImplemented},
	} {
		t.Run(test.name, func(t *testing.T) {
			if answer := s.get(t, test.path); answer.Code != test.want {
				t.Errorf("%d, want %d", answer.Code, test.want)
			}
		})
	}
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, Path+"0", nil)
	request.Header.Set("If-None-Match", s.get(t, Path+"0").Header().Get("ETag"))
	recorder := httptest.NewRecorder()
	if s.handler.ServeHTTP(recorder, request); recorder.Code != http.StatusNotModified {
		t.Errorf("a list that did not change: %d, want 304", recorder.Code)
	}
}

func TestAListThatCannotBeSignedYetIsNotCalledUnknown(t *testing.T) {
	s := newStand(t, 0)
	s.signer.err = errors.New("no HSM")
	if err := s.Renew(t.Context()); err == nil {
		t.Error("the loss of the HSM is not told")
	}
	for path, want := range map[string]int{Path + "0": http.StatusServiceUnavailable, Path + "2": http.StatusNotFound} {
		if answer := s.get(t, path); answer.Code != want {
			t.Errorf("%s: %d, want %d", path, answer.Code, want)
		}
	}
}

func TestAFileThatIsNoListIsMadeAgain(t *testing.T) {
	s := newStand(t, 0)
	if err := os.WriteFile(filepath.Join(s.Folder, "0.jwt"), []byte("torn"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.restart(t)
	if s.renew(t); s.revoked(t, 0) {
		t.Error("a new list revokes")
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(1, "eNrbuRgAAhcBXQ")
	f.Fuzz(func(t *testing.T, bits int, text string) {
		list, err := Decode(Encoded{Bits: bits, List: text})
		if err == nil && len(list.bits) != Size/8 {
			t.Fatal("a list of another size")
		}
	})
}

func BenchmarkEncodeOnePercentRevoked(b *testing.B) {
	list := NewList()
	for serial := range uint64(Size / 100) {
		_, index := NewEntries("", []byte("k")).Of(serial)
		list.Revoke(index)
	}
	for b.Loop() {
		if _, err := list.Encode(); err != nil {
			b.Fatal(err)
		}
	}
}
