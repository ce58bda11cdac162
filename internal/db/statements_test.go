package db

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
)

// TestStatementsAreKept, by both handles, up to a bound, and none that changes the schema.
func TestStatementsAreKept(t *testing.T) {
	d, err := Open(t.Context(), Options{SQLite: filepath.Join(t.TempDir(), "doorstep.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	ctx := t.Context()
	write := func(query string) {
		t.Helper()
		err := d.Write(ctx, func(tx *Tx) error {
			_, err := tx.Exec(ctx, query)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	read := func(query string) {
		t.Helper()
		if err := d.Read().QueryRow(ctx, query).Scan(new(int64)); err != nil {
			t.Fatal(err)
		}
	}
	const create, insert, count = `CREATE TABLE things (n BIGINT)`, "\n\tinsert INTO things (n) VALUES (1)", `SELECT COUNT(*) FROM things`
	write(create)
	write(insert)
	read(count)
	if d.writerTexts.known(create) != nil || d.writerTexts.known(insert) == nil || d.readerTexts.known(count) == nil {
		t.Error("kept the wrong statements")
	}
	err = d.Write(ctx, func(tx *Tx) error {
		if tx.statement(ctx, insert) == nil || tx.statement(ctx, insert) != tx.prepared[insert] {
			t.Error("a kept statement is not used")
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	for i := range statementsKept + 50 {
		read(fmt.Sprintf(`SELECT %d`, i))
	}
	if n := len(d.readerTexts.byText); n != statementsKept {
		t.Errorf("%d texts are kept", n)
	}
	if _, err := d.readerTexts.learn(context.Background(), `SELECT nonsense FROM nowhere`); err != nil {
		t.Errorf("full, and still preparing: %v", err)
	}
}
