package db

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"
)

var errText = errors.New("text that is not valid UTF-8 or contains a NUL byte")

// checkText refuses text that the engines treat differently: PostgreSQL refuses invalid UTF-8 and NUL, SQLite stores
// them, and its own functions then see the text end at the NUL, so that two different names could pass for the same
// one. The value is not in the error, it may be a secret.
func checkText(args []any) error {
	for i, a := range args {
		text, is := asText(a)
		if is && (!utf8.ValidString(text) || strings.IndexByte(text, 0) >= 0) {
			return fmt.Errorf("parameter $%d: %w", i+1, errText)
		}
	}
	return nil
}

func asText(a any) (string, bool) {
	switch v := a.(type) {
	case string:
		return v, true
	case nil, int64, int, bool, []byte, float64, time.Time:
		return "", false
	case *string:
		if v == nil {
			return "", false
		}
		return *v, true
	}
	v := reflect.ValueOf(a)
	for v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return "", false
		}
		if valuer, ok := v.Interface().(driver.Valuer); ok {
			return valueText(valuer)
		}
		v = v.Elem()
	}
	if valuer, ok := v.Interface().(driver.Valuer); ok {
		return valueText(valuer)
	}
	if v.Kind() == reflect.String {
		return v.String(), true
	}
	return "", false
}

// valueText asks a Valuer; its errors are left to the driver, which asks again.
func valueText(valuer driver.Valuer) (string, bool) {
	value, err := valuer.Value()
	if err != nil {
		return "", false
	}
	text, is := value.(string)
	return text, is
}
