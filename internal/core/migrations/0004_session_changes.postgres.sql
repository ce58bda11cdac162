-- +goose Up
-- Replicas keep sessions in memory for a short lease. Here each finds out what the
-- others changed: the database itself writes down whose sessions an answer from
-- memory would be wrong for, so no verb can forget to. A row is found by the
-- transaction that wrote it, not by its number or a time: transactions do not
-- commit in the order in which they begin, and clocks of replicas differ.

-- +goose StatementBegin
CREATE TABLE session_changes (
    user_id TEXT        NOT NULL,
    xid     xid8        NOT NULL DEFAULT pg_current_xact_id(),
    at      TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX session_changes_by_xid ON session_changes (xid);

CREATE FUNCTION note_session_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_TABLE_NAME = 'users' THEN
        INSERT INTO session_changes (user_id) VALUES (OLD.id);
    ELSE
        INSERT INTO session_changes (user_id) VALUES (OLD.user_id);
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER sessions_changed AFTER UPDATE OF token_hash, ended_at, idle_ms, expires_at OR DELETE ON sessions
    FOR EACH ROW EXECUTE FUNCTION note_session_change();

CREATE TRIGGER users_changed AFTER UPDATE OF email, name, role, status, language, theme, two_step, due_by, due_reason, contained_until OR DELETE ON users
    FOR EACH ROW EXECUTE FUNCTION note_session_change();
-- +goose StatementEnd
