-- +goose Up
-- Which browsers a person was seen with, who is asked "was this them?", what is
-- frozen, and which letters were answered with "this was not me".

-- Of a User-Agent only browser and system are kept ("firefox/linux"): nothing that
-- changes with each update. The rows go with the person.
CREATE TABLE known_browsers (
    team_id      TEXT   NOT NULL,
    user_id      TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    family       TEXT   NOT NULL,
    last_seen_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, family)
);

-- A restart after which the person activated again: with what, and what the
-- approver or an owner says of it ('', 'yes', 'no').
CREATE TABLE reactivations (
    restart_id   TEXT    NOT NULL PRIMARY KEY,
    team_id      TEXT    NOT NULL,
    user_id      TEXT    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    activated_at BIGINT  NOT NULL,
    address      TEXT    NOT NULL,
    device       TEXT    NOT NULL,
    seen_before  BOOLEAN NOT NULL,
    answer       TEXT    NOT NULL DEFAULT '',
    answered_at  BIGINT  NOT NULL DEFAULT 0,
    answered_by  TEXT    NOT NULL DEFAULT '',
    answered_name TEXT   NOT NULL DEFAULT ''
);
CREATE INDEX reactivations_by_user ON reactivations (user_id, team_id, activated_at);

-- An account is frozen while it has a row that has not ended.
CREATE TABLE freezes (
    id       TEXT   NOT NULL PRIMARY KEY,
    team_id  TEXT   NOT NULL,
    user_id  TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    why      TEXT   NOT NULL,
    by_name  TEXT   NOT NULL,
    at       BIGINT NOT NULL,
    ended_at BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX freezes_now ON freezes (user_id) WHERE ended_at = 0;
CREATE INDEX freezes_by_user ON freezes (user_id, team_id, at);

-- One row for each letter that was answered with "this was not me".
CREATE TABLE not_me_reports (
    letter_id TEXT   NOT NULL PRIMARY KEY,
    team_id   TEXT   NOT NULL,
    user_id   TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    kind      TEXT   NOT NULL,
    at        BIGINT NOT NULL
);
CREATE INDEX not_me_reports_by_user ON not_me_reports (user_id, team_id, at);
