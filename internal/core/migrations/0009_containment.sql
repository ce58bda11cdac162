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

CREATE INDEX restarts_by_approver ON restarts (team_id, by_id, at);
