-- +goose Up
-- Restart requests: somebody who can use no second step asks their team (J8).

-- token_hash is of what the asking browser keeps; its match code is made from the
-- same token, so that no row shows it. match_hash is what a typed one is compared
-- with. tries counts those, before the comparison.
CREATE TABLE restart_requests (
    id               TEXT    NOT NULL PRIMARY KEY,
    team_id          TEXT    NOT NULL,
    user_id          TEXT    NOT NULL REFERENCES users (id),
    token_hash       BYTEA   NOT NULL UNIQUE,
    match_hash       BYTEA   NOT NULL,
    tries            BIGINT  NOT NULL DEFAULT 0,
    happened         TEXT    NOT NULL CHECK (happened IN ('lost_phone', 'new_phone', 'other')),
    address          TEXT    NOT NULL,
    device           TEXT    NOT NULL,
    address_seen     BOOLEAN NOT NULL,
    device_seen      BOOLEAN NOT NULL,
    created_at       BIGINT  NOT NULL,
    expires_at       BIGINT  NOT NULL,
    state            TEXT    NOT NULL CHECK (state IN ('open', 'approved', 'refused', 'withdrawn', 'expired', 'ended')),
    answered_at      BIGINT  NOT NULL DEFAULT 0,
    answered_by_id   TEXT    NOT NULL DEFAULT '',
    answered_by_name TEXT    NOT NULL DEFAULT '',
    reason           TEXT    NOT NULL DEFAULT '',
    end_reason       TEXT    NOT NULL DEFAULT '',
    restart_id       TEXT    NOT NULL DEFAULT ''
);
-- One open request a person.
CREATE UNIQUE INDEX restart_requests_one_open ON restart_requests (user_id) WHERE state = 'open';
CREATE INDEX restart_requests_by_user ON restart_requests (user_id, created_at);
CREATE INDEX restart_requests_by_team ON restart_requests (team_id, id);
CREATE INDEX restart_requests_by_state ON restart_requests (state, team_id, expires_at);
