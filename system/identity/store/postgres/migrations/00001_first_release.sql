-- What the first release made by itself. It is safe to run on a database that
-- has it already, with data in it: that is how such a database gets here.

-- +goose Up
CREATE TABLE IF NOT EXISTS clients (
    id            text PRIMARY KEY,
    name          text NOT NULL,
    redirect_uris text[] NOT NULL,
    jwks          jsonb NOT NULL,
    scopes        text[] NOT NULL,
    grant_types   text[] NOT NULL
);

CREATE TABLE IF NOT EXISTS persons (
    individual_id text PRIMARY KEY,
    subject       text NOT NULL UNIQUE,
    pin_hash      bytea NOT NULL,
    claims        jsonb NOT NULL
);

-- One row for each consent: a record of what was allowed and when, so a new
-- consent adds a row and does not replace the last.
CREATE TABLE IF NOT EXISTS grants (
    id         text PRIMARY KEY,
    client_id  text NOT NULL,
    subject    text NOT NULL,
    scopes     text[] NOT NULL,
    claims     text[] NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX IF NOT EXISTS grants_latest ON grants (client_id, subject, created_at DESC);

-- Public keys of the HSM nodes, so that a provider that starts while a node is
-- away still publishes that node's key.
CREATE TABLE IF NOT EXISTS signing_keys (
    kid        text NOT NULL,
    node       text NOT NULL,
    jwk        jsonb NOT NULL,
    first_seen timestamptz NOT NULL DEFAULT now(),
    last_seen  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (kid, node)
);
