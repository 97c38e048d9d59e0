-- metadata is the whole client, with the names of RFC 7591. The columns before
-- it are still written, and win over it when they are read: a client that the
-- previous release changes is changed for this one too.

-- +goose Up
SET LOCAL lock_timeout = '3s';
ALTER TABLE clients ADD COLUMN IF NOT EXISTS metadata jsonb;
ALTER TABLE clients ADD COLUMN IF NOT EXISTS updated_at timestamptz NOT NULL DEFAULT now();
