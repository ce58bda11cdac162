-- +goose Up
-- Help center (J9): votes on articles, the team's comments below them, and requests.

-- One vote a person, or a browser where nobody is signed in: voter is a keyed hash of
-- which. Votes of browsers belong to no team.
CREATE TABLE article_votes (
    article    TEXT    NOT NULL,
    voter      BYTEA   NOT NULL,
    team_id    TEXT    NOT NULL,
    user_id    TEXT    NOT NULL,
    helpful    BOOLEAN NOT NULL,
    missing    TEXT    NOT NULL,
    created_at BIGINT  NOT NULL,
    updated_at BIGINT  NOT NULL,
    PRIMARY KEY (article, voter)
);
CREATE INDEX article_votes_by_user ON article_votes (user_id);

CREATE TABLE article_comments (
    id          TEXT   NOT NULL PRIMARY KEY,
    team_id     TEXT   NOT NULL,
    user_id     TEXT   NOT NULL REFERENCES users (id),
    article     TEXT   NOT NULL,
    text        TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    hidden_at   BIGINT NOT NULL DEFAULT 0,
    hidden_by   TEXT   NOT NULL DEFAULT ''
);
CREATE INDEX article_comments_by_article ON article_comments (team_id, article, id);
CREATE INDEX article_comments_by_user ON article_comments (user_id, id);

-- A request of somebody signed in, which their team's owners and admins answer. That of
-- a stranger is a letter and no row: there is no team whose it would be.
CREATE TABLE help_requests (
    id         TEXT   NOT NULL PRIMARY KEY,
    number     TEXT   NOT NULL UNIQUE,
    team_id    TEXT   NOT NULL,
    user_id    TEXT   NOT NULL REFERENCES users (id),
    about      TEXT   NOT NULL CHECK (about IN ('codes', 'account', 'message', 'sign_in', 'other')),
    state      TEXT   NOT NULL CHECK (state IN ('open', 'answered', 'closed')),
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
);
CREATE INDEX help_requests_by_user ON help_requests (user_id, id);
CREATE INDEX help_requests_by_team ON help_requests (team_id, id);
CREATE INDEX help_requests_over ON help_requests (state, changed_at);

-- What was written in one, the first text included.
CREATE TABLE help_messages (
    id         TEXT    NOT NULL PRIMARY KEY,
    request_id TEXT    NOT NULL REFERENCES help_requests (id) ON DELETE CASCADE,
    team_id    TEXT    NOT NULL,
    user_id    TEXT    NOT NULL,
    user_name  TEXT    NOT NULL,
    answer     BOOLEAN NOT NULL,
    text       TEXT    NOT NULL,
    created_at BIGINT  NOT NULL
);
CREATE INDEX help_messages_by_request ON help_messages (request_id, id);
