-- +goose Up
-- What a team decides about restarts, and who must choose a new password.

ALTER TABLE policies ADD COLUMN pass_for TEXT NOT NULL DEFAULT 'owners_and_admins';
ALTER TABLE policies ADD COLUMN second_approver BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE policies ADD COLUMN restarts_per_hour BIGINT NOT NULL DEFAULT 5;

-- Somebody may have this person's password: the next sign-in asks for a new one (R13).
ALTER TABLE users ADD COLUMN password_due BOOLEAN NOT NULL DEFAULT FALSE;
