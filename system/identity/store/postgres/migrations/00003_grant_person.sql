-- person takes the place of subject, which is empty in new rows: the previous
-- release then does not find them, and asks the person again. Old rows keep what
-- they have, and can be read by their id.

-- +goose Up
SET LOCAL lock_timeout = '3s';
ALTER TABLE grants ALTER COLUMN subject SET DEFAULT '';
ALTER TABLE grants ADD COLUMN IF NOT EXISTS person text;
ALTER TABLE grants ADD COLUMN IF NOT EXISTS allowed text[];
ALTER TABLE grants ADD COLUMN IF NOT EXISTS expires_at timestamptz;
ALTER TABLE grants ADD COLUMN IF NOT EXISTS revoked_at timestamptz;
