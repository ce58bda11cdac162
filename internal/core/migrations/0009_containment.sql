-- +goose Up
-- What keeps a restart from being the easy way in: the pass that the approver hands
-- over, restarts that wait for a second approver, and budgets.

-- The pass of a person's newest restart, while it is wanted. session_id is of the
-- session in which it was typed right, '' for none; 20 fails make it void.
CREATE TABLE passes (
    user_id     TEXT   NOT NULL PRIMARY KEY REFERENCES users (id),
    team_id     TEXT   NOT NULL,
    restart_id  TEXT   NOT NULL,
    salt        BYTEA  NOT NULL,
    digest      BYTEA  NOT NULL,
    session_id  TEXT   NOT NULL DEFAULT '',
    fails       BIGINT NOT NULL DEFAULT 0,
    next_try_at BIGINT NOT NULL DEFAULT 0,
    created_at  BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL
);

-- Restarts of owners and admins that wait for a second approver. The row of an ended
-- one stays: it counts in the budget of whoever began it, and names them beside the
-- restart that came of it.
CREATE TABLE pending_restarts (
    id            TEXT   NOT NULL PRIMARY KEY,
    team_id       TEXT   NOT NULL,
    user_id       TEXT   NOT NULL,
    by_id         TEXT   NOT NULL,
    by_name       TEXT   NOT NULL,
    reason        TEXT   NOT NULL,
    verified_by   TEXT   NOT NULL,
    state         TEXT   NOT NULL CHECK (state IN ('waiting', 'approved', 'refused', 'over')),
    created_at    BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL,
    ended_at      BIGINT NOT NULL DEFAULT 0,
    ended_by_id   TEXT   NOT NULL DEFAULT '',
    ended_by_name TEXT   NOT NULL DEFAULT '',
    restart_id    TEXT   NOT NULL DEFAULT ''
);
-- One at a time for each person.
CREATE UNIQUE INDEX pending_restarts_waiting ON pending_restarts (user_id) WHERE state = 'waiting';
CREATE INDEX pending_restarts_of_team ON pending_restarts (team_id, state, created_at);
CREATE INDEX pending_restarts_by_approver ON pending_restarts (team_id, by_id, created_at);
CREATE INDEX pending_restarts_by_restart ON pending_restarts (restart_id);

CREATE INDEX restarts_by_approver ON restarts (team_id, by_id, at);
