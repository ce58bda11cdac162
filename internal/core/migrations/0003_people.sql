-- +goose Up
-- Lists and search that cost the same in a team of any size: each question is a
-- walk along one index.

-- By what a person is found: their name from each of its words on, and their
-- address from each of its parts on, folded. BYTEA, because only bytes are in the
-- same order on both engines. shared is how many bytes at the front an entry has in
-- common with the one before it of the same person: a prefix longer than that meets
-- the person here first, so a walk finds nobody twice and need not look back.
-- The entries go with the person: whatever deletes one need not know of them.
CREATE TABLE user_words (
    team_id TEXT   NOT NULL,
    user_id TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    word    BYTEA  NOT NULL,
    shared  BIGINT NOT NULL,
    PRIMARY KEY (user_id, word)
);
CREATE INDEX user_words_by_word ON user_words (team_id, word, user_id, shared);

-- One row while there may be people without their words, with how far their making
-- has come (only the program can fold a text); none from then on.
CREATE TABLE word_fills (
    id       BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    after_id TEXT   NOT NULL
);
INSERT INTO word_fills (id, after_id) VALUES (1, '');

-- The filters, each in the order of names. Of several states the walks are merged,
-- so these two serve every choice of role and state.
DROP INDEX users_by_role;
CREATE INDEX users_by_role ON users (team_id, role, two_step, name_key, id);
CREATE INDEX users_by_state ON users (team_id, two_step, name_key, id);
-- Days of grace that are over make `off` into `due` without anybody writing a row:
-- where one of the two is rare among the other, the date finds it.
CREATE INDEX users_by_due ON users (team_id, due_by, name_key, id) WHERE two_step = 'off';

-- So that counting the codes that people have left reads no row.
DROP INDEX recovery_codes_by_user;
CREATE INDEX recovery_codes_by_user ON recovery_codes (user_id, team_id, used_at);
