-- +goose Up
-- Guessing (R13): whose a password's counter is, which browsers signed in before, and
-- what is remembered of wrong second steps.

ALTER TABLE throttles ADD COLUMN team_id TEXT NOT NULL DEFAULT '';
ALTER TABLE throttles ADD COLUMN user_id TEXT NOT NULL DEFAULT '';
CREATE INDEX throttles_by_user ON throttles (user_id);

CREATE TABLE lanes (
    id           TEXT   NOT NULL PRIMARY KEY,
    team_id      TEXT   NOT NULL,
    user_id      TEXT   NOT NULL REFERENCES users (id),
    token_hash   BYTEA  NOT NULL UNIQUE,
    created_at   BIGINT NOT NULL,
    last_used_at BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL
);
CREATE INDEX lanes_by_user ON lanes (user_id);
CREATE INDEX lanes_by_expiry ON lanes (expires_at);

-- Right codes in a row while an authenticator waits, apart for each lane, so that
-- nobody breaks somebody else's row.
CREATE TABLE unlocks (
    authenticator_id TEXT   NOT NULL,
    lane             TEXT   NOT NULL,
    team_id          TEXT   NOT NULL,
    user_id          TEXT   NOT NULL REFERENCES users (id),
    in_a_row         BIGINT NOT NULL DEFAULT 0,
    last_step        BIGINT NOT NULL DEFAULT 0,
    wrong            BIGINT NOT NULL DEFAULT 0,
    next_try_at      BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (authenticator_id, lane)
);
CREATE INDEX unlocks_by_user ON unlocks (user_id);

-- Wrong second steps from browsers that never passed one: success clears none.
CREATE TABLE strange_misses (
    id      TEXT   NOT NULL PRIMARY KEY,
    team_id TEXT   NOT NULL,
    user_id TEXT   NOT NULL REFERENCES users (id),
    at      BIGINT NOT NULL
);
CREATE INDEX strange_misses_by_user ON strange_misses (user_id, at);
CREATE INDEX strange_misses_by_age ON strange_misses (at);

-- When somebody was last warned, so that a letter comes once a day at most.
CREATE TABLE guess_warnings (
    user_id   TEXT   NOT NULL PRIMARY KEY REFERENCES users (id),
    team_id   TEXT   NOT NULL,
    person_at BIGINT NOT NULL DEFAULT 0,
    owners_at BIGINT NOT NULL DEFAULT 0
);
