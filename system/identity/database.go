package identity

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"tocsin/system/identity/seed"
	"tocsin/system/identity/store/postgres"
	"tocsin/system/internal/trace"
)

const (
	// databaseTimeout bounds a migration or a seed; a cluster that is starting
	// elects its leader well within it.
	databaseTimeout = time.Minute
	databasePause   = 250 * time.Millisecond
)

// Migrate brings the schema up to date. It waits for a server that takes writes.
func Migrate(ctx context.Context, config *Config, out io.Writer) error {
	return withDatabase(ctx, config, trace.NewLogger(out, "migrate", config.Zone), func(ctx context.Context, db *postgres.DB) error {
		return db.Migrate(ctx)
	})
}

// Seed fills the database from file. It waits for a server that takes writes.
func Seed(ctx context.Context, config *Config, file string, out io.Writer) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read seed: %w", err)
	}
	content, err := seed.Parse(text)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return withDatabase(ctx, config, trace.NewLogger(out, "seed", config.Zone), func(ctx context.Context, db *postgres.DB) error {
		return seed.Apply(ctx, content, db)
	})
}

// withDatabase repeats work until it succeeds or time is up: both jobs are
// safe to repeat, and run when a cluster may still be electing.
func withDatabase(ctx context.Context, config *Config, log *slog.Logger, work func(context.Context, *postgres.DB) error) error {
	ctx, cancel := context.WithTimeout(ctx, databaseTimeout)
	defer cancel()
	db, err := postgres.Open(ctx, config.postgres())
	if err != nil {
		return err
	}
	defer db.Close()
	for {
		err := work(ctx, db)
		if err == nil {
			return nil
		}
		if postgres.Refused(err) {
			return err
		}
		log.Info("database is not ready yet", "error", err)
		select {
		case <-ctx.Done():
			return err
		case <-time.After(databasePause):
		}
	}
}
