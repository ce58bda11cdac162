-- +goose Up
-- Of a pair with 0012_audit.postgres.sql: how triggers are written is all that differs.

-- The audit log is walked in the order of ids, whole or along one of these.
DROP INDEX audit_events_by_target;
CREATE INDEX audit_events_by_target ON audit_events (team_id, target_id, id);
CREATE INDEX audit_events_by_actor ON audit_events (team_id, actor_id, id);
CREATE INDEX audit_events_by_event ON audit_events (team_id, event, id);

-- No statement of this program changes or deletes an event; a mistake that did, and
-- whoever can inject SQL but not define it, finds that the database refuses as well.
-- +goose StatementBegin
CREATE TRIGGER audit_events_never_change BEFORE UPDATE ON audit_events
BEGIN
    SELECT RAISE(ABORT, 'the audit log is only ever appended to');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER audit_events_never_go BEFORE DELETE ON audit_events
BEGIN
    SELECT RAISE(ABORT, 'the audit log is only ever appended to');
END;
-- +goose StatementEnd
