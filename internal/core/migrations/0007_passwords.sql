-- +goose Up
-- A session that has to choose a new password first, and changes of e-mail address.

-- As the sign-in found it: what is demanded later concerns the next sign-in.
ALTER TABLE sessions ADD COLUMN password_due BOOLEAN NOT NULL DEFAULT FALSE;

-- The row carries the addresses that its links confirm and restore: two changes at
-- once never confirm each other's. asked_at orders them; changed_at is 0 until the
-- new address is confirmed, undone_at until the old one is back.
CREATE TABLE email_changes (
    id           TEXT   NOT NULL PRIMARY KEY,
    team_id      TEXT   NOT NULL,
    user_id      TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    confirm_link TEXT   NOT NULL,
    undo_link    TEXT   NOT NULL DEFAULT '',
    from_email   TEXT   NOT NULL,
    from_key     TEXT   NOT NULL,
    to_email     TEXT   NOT NULL,
    to_key       TEXT   NOT NULL,
    asked_at     BIGINT NOT NULL,
    changed_at   BIGINT NOT NULL DEFAULT 0,
    undo_until   BIGINT NOT NULL DEFAULT 0,
    undone_at    BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX email_changes_by_user ON email_changes (user_id);
CREATE INDEX email_changes_by_confirm ON email_changes (confirm_link);
CREATE INDEX email_changes_by_undo ON email_changes (undo_link);
CREATE INDEX email_changes_by_address ON email_changes (from_key, undo_until);
