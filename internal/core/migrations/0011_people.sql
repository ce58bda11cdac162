-- +goose Up
-- Inviting people, importing them from a file, and finding whom a lost phone would lock out.

-- How many invitations went out within a day: of a team, and of a team to one address.
-- The subject is a keyed hash.
CREATE TABLE invitation_counts (
    subject BYTEA  NOT NULL PRIMARY KEY,
    sent    BIGINT NOT NULL,
    since   BIGINT NOT NULL
);
CREATE INDEX invitation_counts_by_age ON invitation_counts (since);

-- A file that somebody has looked at and not confirmed yet, for an hour; and, once
-- confirmed, the receipt, with nothing of the file but the lines that were left out.
CREATE TABLE imports (
    id         TEXT   NOT NULL PRIMARY KEY,
    team_id    TEXT   NOT NULL,
    by_id      TEXT   NOT NULL,
    encoding   TEXT   NOT NULL,
    file       TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    done_at    BIGINT NOT NULL DEFAULT 0,
    invited    BIGINT NOT NULL DEFAULT 0,
    left_out   BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX imports_by_person ON imports (team_id, by_id);
CREATE INDEX imports_by_expiry ON imports (expires_at);

-- How many unused recovery codes somebody has who has a set: what no index over the
-- codes themselves could be asked for, in a team of any size.
CREATE TABLE codes_left (
    user_id TEXT   NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    team_id TEXT   NOT NULL,
    n       BIGINT NOT NULL
);
CREATE INDEX codes_left_by_number ON codes_left (team_id, n, user_id);
INSERT INTO codes_left (user_id, team_id, n)
    SELECT s.user_id, s.team_id, (SELECT COUNT(*) FROM recovery_codes c WHERE c.user_id = s.user_id AND c.team_id = s.team_id AND c.used_at = 0)
    FROM recovery_code_sets s;

-- Who has to activate again after a restart, in the order of names.
CREATE INDEX users_by_waiting ON users (team_id, name_key, id) WHERE two_step = 'due' AND due_reason = 'restarted';
