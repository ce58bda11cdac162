-- +goose Up
-- Letters that carry a one-use link, fail, are given up, and go to two addresses.

-- What of the link's address is secret, sealed for this row alone; gone when the
-- letter is sent or the link is over.
ALTER TABLE outbox ADD COLUMN sealed_link BYTEA NOT NULL DEFAULT '';
ALTER TABLE outbox ADD COLUMN link_until BIGINT NOT NULL DEFAULT 0;

-- Why the last try failed: a word of ours, and what the mail server answered.
ALTER TABLE outbox ADD COLUMN failure TEXT NOT NULL DEFAULT '';
ALTER TABLE outbox ADD COLUMN reply TEXT NOT NULL DEFAULT '';
ALTER TABLE outbox ADD COLUMN refusals BIGINT NOT NULL DEFAULT 0;
ALTER TABLE outbox ADD COLUMN dead_at BIGINT NOT NULL DEFAULT 0;
CREATE INDEX outbox_dead ON outbox (team_id, dead_at, id) WHERE state = 'dead';
CREATE INDEX outbox_links ON outbox (link_until) WHERE link_until > 0;

-- A second address for the letters about an account: the one that was verified, and
-- the one that has yet to be, with what the person proved themself with when they
-- asked: whatever changes of that takes the asking back. It goes with the person.
CREATE TABLE notification_addresses (
    user_id     TEXT   NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    team_id     TEXT   NOT NULL,
    email       TEXT   NOT NULL DEFAULT '',
    verified_at BIGINT NOT NULL DEFAULT 0,
    waiting     TEXT   NOT NULL DEFAULT '',
    asked_at    BIGINT NOT NULL DEFAULT 0,
    factors     BYTEA  NOT NULL DEFAULT ''
);
