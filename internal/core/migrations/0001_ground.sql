-- +goose Up
-- Times are Unix milliseconds, 0 means "none". Every row of a team's data names the team.

-- One row: a value that only the keys of this installation make. With other keys
-- every password would be wrong, without a word.
CREATE TABLE installations (
    id        BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    key_check BYTEA  NOT NULL
);

CREATE TABLE teams (
    id         TEXT   NOT NULL PRIMARY KEY,
    name       TEXT   NOT NULL,
    name_key   TEXT   NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    version    BIGINT NOT NULL DEFAULT 1
);

CREATE TABLE policies (
    team_id                   TEXT    NOT NULL PRIMARY KEY REFERENCES teams (id),
    two_step_required         BOOLEAN NOT NULL DEFAULT TRUE,
    grace_ms                  BIGINT  NOT NULL,
    activation_window_ms      BIGINT  NOT NULL,
    containment_ms            BIGINT  NOT NULL,
    session_idle_ms           BIGINT  NOT NULL,
    session_absolute_ms       BIGINT  NOT NULL,
    deactivation_allowed      BOOLEAN NOT NULL DEFAULT TRUE,
    version                   BIGINT  NOT NULL DEFAULT 1
);

CREATE TABLE users (
    id              TEXT   NOT NULL PRIMARY KEY,
    team_id         TEXT   NOT NULL REFERENCES teams (id),
    email           TEXT   NOT NULL,
    email_key       TEXT   NOT NULL UNIQUE,
    name            TEXT   NOT NULL,
    name_key        TEXT   NOT NULL,
    role            TEXT   NOT NULL CHECK (role IN ('owner', 'admin', 'member')),
    status          TEXT   NOT NULL CHECK (status IN ('invited', 'active', 'suspended')),
    language        TEXT   NOT NULL DEFAULT '',
    theme           TEXT   NOT NULL DEFAULT '',
    password_hash   TEXT   NOT NULL DEFAULT '',
    two_step        TEXT   NOT NULL CHECK (two_step IN ('off', 'active', 'due')),
    due_by          BIGINT NOT NULL DEFAULT 0,
    due_reason      TEXT   NOT NULL DEFAULT '' CHECK (due_reason IN ('', 'grace', 'policy', 'deactivated', 'restarted')),
    contained_until BIGINT NOT NULL DEFAULT 0,
    created_at      BIGINT NOT NULL,
    last_sign_in_at BIGINT NOT NULL DEFAULT 0,
    version         BIGINT NOT NULL DEFAULT 1
);
CREATE INDEX users_by_name ON users (team_id, name_key, id);
CREATE INDEX users_by_role ON users (team_id, role);

CREATE TABLE authenticators (
    id           TEXT   NOT NULL PRIMARY KEY,
    team_id      TEXT   NOT NULL,
    user_id      TEXT   NOT NULL REFERENCES users (id),
    kind         TEXT   NOT NULL CHECK (kind IN ('app')),
    name         TEXT   NOT NULL,
    sealed_key   BYTEA  NOT NULL,
    last_step    BIGINT NOT NULL,
    fails        BIGINT NOT NULL DEFAULT 0,
    next_try_at  BIGINT NOT NULL DEFAULT 0,
    created_at   BIGINT NOT NULL,
    last_used_at BIGINT NOT NULL DEFAULT 0
);
-- One app a user: a try is charged to one row and compared with one key.
CREATE UNIQUE INDEX authenticators_one_app ON authenticators (user_id, kind);

CREATE TABLE recovery_code_sets (
    id          TEXT   NOT NULL PRIMARY KEY,
    team_id     TEXT   NOT NULL,
    user_id     TEXT   NOT NULL UNIQUE REFERENCES users (id),
    salt        BYTEA  NOT NULL,
    fails       BIGINT NOT NULL DEFAULT 0,
    next_try_at BIGINT NOT NULL DEFAULT 0,
    created_at  BIGINT NOT NULL
);

CREATE TABLE recovery_codes (
    id      TEXT   NOT NULL PRIMARY KEY,
    team_id TEXT   NOT NULL,
    user_id TEXT   NOT NULL,
    set_id  TEXT   NOT NULL REFERENCES recovery_code_sets (id),
    digest  BYTEA  NOT NULL,
    used_at BIGINT NOT NULL DEFAULT 0,
    UNIQUE (set_id, digest)
);
CREATE INDEX recovery_codes_by_user ON recovery_codes (user_id);

CREATE TABLE activations (
    id             TEXT   NOT NULL PRIMARY KEY,
    team_id        TEXT   NOT NULL,
    user_id        TEXT   NOT NULL REFERENCES users (id),
    session_id     TEXT   NOT NULL,
    state          TEXT   NOT NULL CHECK (state IN ('begun', 'confirmed', 'renewed')),
    sealed_key     BYTEA  NOT NULL,
    sealed_codes   BYTEA  NOT NULL,
    confirmed_step BIGINT NOT NULL DEFAULT 0,
    confirmed_at   BIGINT NOT NULL DEFAULT 0,
    fails          BIGINT NOT NULL DEFAULT 0,
    next_try_at    BIGINT NOT NULL DEFAULT 0,
    created_at     BIGINT NOT NULL,
    expires_at     BIGINT NOT NULL
);
CREATE INDEX activations_by_user ON activations (user_id);
CREATE INDEX activations_by_expiry ON activations (expires_at);

CREATE TABLE sign_in_attempts (
    token_hash BYTEA  NOT NULL PRIMARY KEY,
    team_id    TEXT   NOT NULL,
    user_id    TEXT   NOT NULL REFERENCES users (id),
    address    TEXT   NOT NULL,
    device     TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
-- Made and deleted with every sign-in, and few at any time: no index for the chore
-- that looks for old ones.
CREATE INDEX sign_in_attempts_by_user ON sign_in_attempts (user_id);

CREATE TABLE sessions (
    id               TEXT   NOT NULL PRIMARY KEY,
    team_id          TEXT   NOT NULL,
    user_id          TEXT   NOT NULL REFERENCES users (id),
    token_hash       BYTEA  NOT NULL UNIQUE,
    second_step      TEXT   NOT NULL CHECK (second_step IN ('none', 'authenticator', 'recovery_code')),
    recovery_code_id TEXT   NOT NULL DEFAULT '',
    password_at      BIGINT NOT NULL,
    second_step_at   BIGINT NOT NULL DEFAULT 0,
    address          TEXT   NOT NULL,
    device           TEXT   NOT NULL,
    created_at       BIGINT NOT NULL,
    last_seen_at     BIGINT NOT NULL,
    idle_ms          BIGINT NOT NULL,
    expires_at       BIGINT NOT NULL,
    ended_at         BIGINT NOT NULL DEFAULT 0,
    end_reason       TEXT   NOT NULL DEFAULT ''
);
CREATE INDEX sessions_by_user ON sessions (user_id, ended_at);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

CREATE TABLE throttles (
    subject     BYTEA  NOT NULL PRIMARY KEY,
    fails       BIGINT NOT NULL,
    next_try_at BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL
);
CREATE INDEX throttles_by_age ON throttles (updated_at);

CREATE TABLE links (
    id         TEXT   NOT NULL PRIMARY KEY,
    team_id    TEXT   NOT NULL,
    user_id    TEXT   NOT NULL,
    purpose    TEXT   NOT NULL,
    token_hash BYTEA  NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at    BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX links_by_user ON links (user_id);

CREATE TABLE restarts (
    id                         TEXT   NOT NULL PRIMARY KEY,
    team_id                    TEXT   NOT NULL,
    user_id                    TEXT   NOT NULL,
    by_id                      TEXT   NOT NULL,
    by_name                    TEXT   NOT NULL,
    reason                     TEXT   NOT NULL,
    verified_by                TEXT   NOT NULL,
    at                         BIGINT NOT NULL,
    due_by                     BIGINT NOT NULL,
    sessions_ended             BIGINT NOT NULL,
    authenticators_removed     BIGINT NOT NULL,
    recovery_codes_removed     BIGINT NOT NULL,
    remembered_devices_removed BIGINT NOT NULL
);
CREATE INDEX restarts_by_user ON restarts (team_id, user_id, at);

-- Ids are made in the order of time, so the key is also the order of a team's log.
CREATE TABLE audit_events (
    id          TEXT   NOT NULL,
    team_id     TEXT   NOT NULL,
    at          BIGINT NOT NULL,
    event       TEXT   NOT NULL,
    actor_id    TEXT   NOT NULL,
    actor_name  TEXT   NOT NULL,
    target_id   TEXT   NOT NULL,
    target_name TEXT   NOT NULL,
    via         TEXT   NOT NULL,
    address     TEXT   NOT NULL,
    device      TEXT   NOT NULL,
    reason      TEXT   NOT NULL,
    details     TEXT   NOT NULL,
    PRIMARY KEY (team_id, id)
);
CREATE INDEX audit_events_by_target ON audit_events (team_id, target_id, at);

CREATE TABLE outbox (
    id          TEXT   NOT NULL PRIMARY KEY,
    team_id     TEXT   NOT NULL,
    user_id     TEXT   NOT NULL,
    kind        TEXT   NOT NULL,
    recipient   TEXT   NOT NULL,
    name        TEXT   NOT NULL,
    language    TEXT   NOT NULL,
    args        TEXT   NOT NULL,
    state       TEXT   NOT NULL CHECK (state IN ('ready', 'sent', 'dead')),
    attempts    BIGINT NOT NULL DEFAULT 0,
    lease_until BIGINT NOT NULL DEFAULT 0,
    run_at      BIGINT NOT NULL,
    created_at  BIGINT NOT NULL,
    sent_at     BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX outbox_ready ON outbox (state, run_at, id);
CREATE INDEX outbox_by_user ON outbox (user_id, kind, created_at);
