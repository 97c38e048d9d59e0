-- Built while both releases write. One that an interrupted try left behind is
-- not valid, so it is made anew.

-- +goose NO TRANSACTION
-- +goose Up
DROP INDEX CONCURRENTLY IF EXISTS grants_of_person;
CREATE INDEX CONCURRENTLY grants_of_person ON grants (client_id, person, created_at DESC) WHERE revoked_at IS NULL;
