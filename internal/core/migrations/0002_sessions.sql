-- +goose Up
-- What sessions need beside their own rows: remembered devices, the hosts to which
-- a sign-in may lead back, and who of several replicas does a chore.

ALTER TABLE policies ADD COLUMN remember_ms BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN device_id TEXT NOT NULL DEFAULT '';

CREATE TABLE return_hosts (
    team_id TEXT NOT NULL REFERENCES teams (id),
    host    TEXT NOT NULL,
    PRIMARY KEY (team_id, host)
);
CREATE INDEX return_hosts_by_host ON return_hosts (host);

-- token_hash is of the token that the browser holds now, spent_hash of the one before it.
CREATE TABLE devices (
    id           TEXT   NOT NULL PRIMARY KEY,
    team_id      TEXT   NOT NULL,
    user_id      TEXT   NOT NULL REFERENCES users (id),
    token_hash   BYTEA  NOT NULL UNIQUE,
    spent_hash   BYTEA  NOT NULL,
    factors      BYTEA  NOT NULL,
    device       TEXT   NOT NULL,
    address      TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    last_used_at BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL
);
CREATE INDEX devices_by_user ON devices (user_id);
CREATE INDEX devices_by_expiry ON devices (expires_at);

CREATE TABLE chores (
    name        TEXT   NOT NULL PRIMARY KEY,
    lease_until BIGINT NOT NULL,
    done_at     BIGINT NOT NULL
);
