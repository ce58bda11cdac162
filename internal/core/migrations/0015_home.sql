-- +goose Up
-- What somebody put away from their first page, and when: a reminder that they answered,
-- a step of the beginning that they took. The rows go with the person.
CREATE TABLE put_away (
    user_id TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    team_id TEXT   NOT NULL,
    item    TEXT   NOT NULL,
    at      BIGINT NOT NULL,
    PRIMARY KEY (user_id, item)
);
