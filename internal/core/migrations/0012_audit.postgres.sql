-- +goose Up
-- Of a pair with 0012_audit.sqlite.sql: how triggers are written is all that differs.

-- The audit log is walked in the order of ids, whole or along one of these.
DROP INDEX audit_events_by_target;
CREATE INDEX audit_events_by_target ON audit_events (team_id, target_id, id);
CREATE INDEX audit_events_by_actor ON audit_events (team_id, actor_id, id);
CREATE INDEX audit_events_by_event ON audit_events (team_id, event, id);

-- No statement of this program changes or deletes an event; a mistake that did, and
-- whoever can inject SQL but not define it, finds that the database refuses as well.
-- +goose StatementBegin
CREATE FUNCTION keep_audit_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is only ever appended to';
END
$$;
-- +goose StatementEnd

CREATE TRIGGER audit_events_never_change BEFORE UPDATE OR DELETE ON audit_events
    FOR EACH ROW EXECUTE FUNCTION keep_audit_events();

CREATE TRIGGER audit_events_never_emptied BEFORE TRUNCATE ON audit_events
    FOR EACH STATEMENT EXECUTE FUNCTION keep_audit_events();
