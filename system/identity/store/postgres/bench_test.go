package postgres_test

import "testing"

// BenchmarkReads is what a login of a returning person reads, from a standby.
func BenchmarkReads(b *testing.B) {
	db, primary := open(b, shared.standby.Port), open(b, shared.primary.Port)
	g, client := someGrant(), someClient()
	if err := primary.Save(b.Context(), g); err != nil {
		b.Fatal(err)
	}
	if err := primary.CreateClient(b.Context(), client); err != nil {
		b.Fatal(err)
	}
	for _, read := range []struct {
		name string
		read func() error
	}{
		{"consent", func() error { _, err := db.Latest(b.Context(), g.ClientID, g.Person); return err }},
		{"client", func() error { _, err := db.Client(b.Context(), client.ID); return err }},
	} {
		b.Run(read.name, func(b *testing.B) {
			await(b, read.read)
			b.ReportAllocs()
			for b.Loop() {
				if err := read.read(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkSave(b *testing.B) {
	db := open(b, shared.primary.Port)
	b.ReportAllocs()
	for b.Loop() {
		if err := db.Save(b.Context(), someGrant()); err != nil {
			b.Fatal(err)
		}
	}
}
