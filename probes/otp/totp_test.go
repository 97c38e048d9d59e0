package otp

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tocsin/internal/target"
)

func TestCodesAreThoseOfRFC6238(t *testing.T) {
	seed := "1234567890"
	for _, tc := range []struct {
		second uint64
		hash   func() hash.Hash
		length int
		want   string
	}{
		{59, sha1.New, 20, "94287082"}, {59, sha256.New, 32, "46119246"}, {59, sha512.New, 64, "90693936"},
		{1111111109, sha1.New, 20, "07081804"}, {20000000000, sha1.New, 20, "65353130"}, {20000000000, sha512.New, 64, "47863826"},
	} {
		key := []byte(strings.Repeat(seed, 7)[:tc.length])
		if got := hotp(tc.hash, key, tc.second/30, 8); got != tc.want {
			t.Errorf("at %d: %s, want %s", tc.second, got, tc.want)
		}
	}
}

func TestACodeIsNeverUsedTwiceNorAtTheEndOfItsWindow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "totp")
	if err := os.WriteFile(path, []byte("gezd gnbv gy3t qojq gezd gnbv gy3t qojq\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	now := time.Unix(31, 0)
	codes := newTOTP(target.OTP{SecretFile: path, Digits: 8, Period: 30 * time.Second, Algorithm: "SHA1"})
	codes.now = func() time.Time { return now }
	for _, step := range []struct {
		second int64
		want   string
	}{{59, ""}, {57, "94287082"}, {57, ""}, {58, ""}, {60, "37359152"}, {61, ""}} {
		now = time.Unix(step.second, 0)
		if got, err := codes.look(t.Context()); err != nil || got != step.want {
			t.Errorf("at %d: %q, %v; want %q", step.second, got, err, step.want)
		}
	}
	if err := os.WriteFile(path, []byte("not base32!"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := codes.look(t.Context()); err == nil || strings.Contains(err.Error(), "base32!") {
		t.Errorf("a bad secret: %v", err)
	}
}

func FuzzReadMail(f *testing.F) {
	f.Add([]byte("From: a\nSubject: =?x?q?1?=\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/html\n\n<p>123456"))
	f.Add([]byte("Content-Transfer-Encoding: base64\n\nMTIzNDU2"))
	find, err := newFinder(target.OTP{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(_ *testing.T, raw []byte) {
		if mail, err := readMail(raw); err == nil {
			find.code(mail)
		}
	})
}
