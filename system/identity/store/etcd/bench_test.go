package etcd_test

import (
	"crypto/rand"
	"fmt"
	"testing"
	"time"

	"tocsin/system/identity/spent"
)

// BenchmarkSpend is what the token endpoint waits for: the marks of a code, an
// assertion and a proof in one transaction.
func BenchmarkSpend(b *testing.B) {
	for _, marks := range [][]spent.Kind{{spent.Code}, {spent.Code, spent.Assertion, spent.Proof}} {
		b.Run(fmt.Sprintf("marks=%d", len(marks)), func(b *testing.B) {
			store := spentOf(zones(b)[0], prefix())
			await(b, func() error { return store.Spend(b.Context(), "warm", some(spent.Code)) })
			b.ReportAllocs()
			for b.Loop() {
				set := make([]spent.Mark, len(marks))
				for i, kind := range marks {
					set[i] = some(kind)
				}
				if err := store.Spend(b.Context(), rand.Text(), set...); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkRotate(b *testing.B) {
	store := spentOf(zones(b)[0], prefix())
	family := spent.Rotation{Family: rand.Text(), Expires: time.Now().Add(time.Hour), Grace: time.Minute}
	b.ReportAllocs()
	for b.Loop() {
		family.Attempt, family.Marks = rand.Text(), []spent.Mark{some(spent.Assertion), some(spent.Proof)}
		next, err := store.Rotate(b.Context(), family)
		if err != nil {
			b.Fatal(err)
		}
		family.Generation = next
	}
}

// BenchmarkRevoked asks for the three ids of a token among many revocations.
func BenchmarkRevoked(b *testing.B) {
	store := running(b, zones(b)[0], prefix())
	for range 1000 {
		if err := store.Revoke(b.Context(), rand.Text(), time.Minute); err != nil {
			b.Fatal(err)
		}
	}
	jti, family, session := rand.Text(), rand.Text(), rand.Text()
	b.ReportAllocs()
	for b.Loop() {
		if store.Revoked(jti, family, session) {
			b.Fatal("revoked")
		}
	}
}
