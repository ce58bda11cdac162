-- +goose Up
-- Which browsers a person was seen with.

-- Of a User-Agent only browser and system are kept ("firefox/linux"): nothing that
-- changes with each update. The rows go with the person.
CREATE TABLE known_browsers (
    team_id      TEXT   NOT NULL,
    user_id      TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    family       TEXT   NOT NULL,
    last_seen_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, family)
);
