-- What was issued to wallets: no claim about a person, only the authenticator's
-- reference. An issuance is one answer; its credentials differ in their keys.
-- Serials are given by a sequence, so allocating them takes no lock.

-- +goose Up
CREATE TABLE issuances (
    id            text PRIMARY KEY,
    configuration text NOT NULL,
    person        text NOT NULL,
    client_id     text NOT NULL,
    issued_at     timestamptz NOT NULL,
    expires_at    timestamptz NOT NULL,
    collected_at  timestamptz,
    event         text,
    description   text,
    notified_at   timestamptz
);

CREATE SEQUENCE credential_serials AS bigint MINVALUE 0 START WITH 0;

CREATE TABLE credentials (
    id         text PRIMARY KEY,
    issuance   text NOT NULL REFERENCES issuances,
    position   int NOT NULL,
    serial     bigint NOT NULL UNIQUE DEFAULT nextval('credential_serials'),
    revoked_at timestamptz,
    UNIQUE (issuance, position)
);

CREATE INDEX credentials_revoked ON credentials (revoked_at) WHERE revoked_at IS NOT NULL;
