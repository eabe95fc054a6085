package conformance

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mattn/go-sqlite3"
	nearlite "github.com/nearlite/nearlite/packages/go"
)

const (
	driverName = "sqlite3_nearlite"
	tolerance  = 1e-6
)

func init() {
	sql.Register(driverName, &sqlite3.SQLiteDriver{
		ConnectHook: func(conn *sqlite3.SQLiteConn) error { return nearlite.Load(conn) },
	})
}

type step struct {
	SQL        string
	Parameters []any
	Rows       [][]any
	Error      string
}

func readCases(t *testing.T) map[string][]step {
	t.Helper()
	text, err := os.ReadFile("../../conformance/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var read struct {
		SQL []struct {
			Name  string
			Steps []step
		}
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber() // 1 is an integer to SQLite, 1.0 is not
	if err := decoder.Decode(&read); err != nil {
		t.Fatal(err)
	}
	if len(read.SQL) == 0 {
		t.Fatal("cases.json has no cases of SQL")
	}
	cases := map[string][]step{}
	for _, one := range read.SQL {
		cases[one.Name] = one.Steps
	}
	return cases
}

func openMemory(t *testing.T) *sql.DB {
	t.Helper()
	db, err := sql.Open(driverName, ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1) // each connection would have a memory of its own
	t.Cleanup(func() { db.Close() })
	return db
}

func number(t *testing.T, text json.Number) any {
	t.Helper()
	if whole, err := text.Int64(); err == nil {
		return whole
	}
	real, err := text.Float64()
	if err != nil {
		t.Fatal(err)
	}
	return real
}

func vectorOf(t *testing.T, components any) []float32 {
	t.Helper()
	vector := []float32{}
	for _, component := range components.([]any) {
		real, err := component.(json.Number).Float64()
		if err != nil {
			t.Fatal(err)
		}
		vector = append(vector, float32(real))
	}
	return vector
}

func parameter(t *testing.T, given any) any {
	t.Helper()
	switch value := given.(type) {
	case json.Number:
		return number(t, value)
	case map[string]any:
		blob, err := nearlite.Encode(vectorOf(t, value["vector"]))
		if err != nil {
			t.Fatal(err)
		}
		return blob
	default:
		return given // a text or nil
	}
}

// difference says how a value differs from the expected one, and is empty when it does not.
func difference(t *testing.T, got, want any) string {
	t.Helper()
	agrees := false
	switch expected := want.(type) {
	case json.Number:
		real, err := expected.Float64()
		if err != nil {
			t.Fatal(err)
		}
		switch value := got.(type) {
		case int64:
			agrees = float64(value) == real
		case float64:
			agrees = math.Abs(value-real) <= tolerance
		}
	case map[string]any:
		if components, is := expected["vector"]; is {
			blob, isBlob := got.([]byte)
			vector, err := nearlite.Decode(blob)
			agrees = isBlob && err == nil && fmt.Sprint(vector) == fmt.Sprint(vectorOf(t, components))
		} else {
			agrees = got == nearlite.Version()
		}
	default:
		agrees = got == want
	}
	if agrees {
		return ""
	}
	return fmt.Sprintf("got %T %v, want %v", got, got, want)
}

func runStep(db *sql.DB, statement string, parameters []any) ([][]any, error) {
	rows, err := db.Query(statement, parameters...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	var all [][]any
	for rows.Next() {
		row, places := make([]any, len(columns)), make([]any, len(columns))
		for i := range row {
			places[i] = &row[i]
		}
		if err := rows.Scan(places...); err != nil {
			return nil, err
		}
		all = append(all, row)
	}
	return all, rows.Err()
}

func checkStep(t *testing.T, db *sql.DB, one step) {
	t.Helper()
	var parameters []any
	for _, given := range one.Parameters {
		parameters = append(parameters, parameter(t, given))
	}
	rows, err := runStep(db, one.SQL, parameters)
	if one.Error != "" {
		if err == nil || !strings.Contains(err.Error(), one.Error) {
			t.Errorf("%s: %v, want an error with %q", one.SQL, err, one.Error)
		}
		return
	}
	if err != nil {
		t.Fatalf("%s: %v", one.SQL, err)
	}
	if one.Rows == nil {
		return
	}
	if len(rows) != len(one.Rows) {
		t.Fatalf("%s: got %v, want %v", one.SQL, rows, one.Rows)
	}
	for i, row := range rows {
		if len(row) != len(one.Rows[i]) {
			t.Fatalf("%s: row %d: got %v, want %v", one.SQL, i, row, one.Rows[i])
		}
		for j, value := range row {
			if text := difference(t, value, one.Rows[i][j]); text != "" {
				t.Errorf("%s: row %d, column %d: %s", one.SQL, i, j, text)
			}
		}
	}
}

func TestCases(t *testing.T) {
	for name, steps := range readCases(t) {
		steps := steps
		t.Run(name, func(t *testing.T) {
			db := openMemory(t)
			for _, one := range steps {
				checkStep(t, db, one)
			}
		})
	}
}

func expectNotAuthorized(t *testing.T, query func() error) {
	t.Helper()
	if err := query(); err == nil || !strings.Contains(err.Error(), "not authorized") {
		t.Errorf("load_extension: %v, want not authorized", err)
	}
}

func TestExtensionsAreOffAfterLoad(t *testing.T) {
	db := openMemory(t)
	expectNotAuthorized(t, func() error {
		_, err := runStep(db, "SELECT load_extension('x')", nil)
		return err
	})
}

// With a connection of its own, because one whose hook failed is not handed out.
func TestAFileThatIsNoExtension(t *testing.T) {
	db, err := sql.Open("sqlite3", ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	conn, err := db.Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	load := func() error {
		return conn.Raw(func(raw any) error { return nearlite.Load(raw.(nearlite.Extensible)) })
	}
	file := filepath.Join(t.TempDir(), "nearlite.so")
	if err := os.WriteFile(file, []byte("no library"), 0o600); err != nil {
		t.Fatal(err)
	}
	right := os.Getenv("NEARLITE_EXTENSION")
	t.Setenv("NEARLITE_EXTENSION", file)
	if err := load(); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("loading text: %v, want an error that names %s", err, file)
	}
	expectNotAuthorized(t, func() error {
		_, err := conn.ExecContext(context.Background(), "SELECT load_extension('x')")
		return err
	})
	t.Setenv("NEARLITE_EXTENSION", right)
	if err := load(); err != nil {
		t.Errorf("loading after a failure: %v", err)
	}
}

func TestAFailingHookFailsTheConnection(t *testing.T) {
	t.Setenv("NEARLITE_EXTENSION", filepath.Join(t.TempDir(), "none.so"))
	err := openMemory(t).Ping()
	if err == nil || !strings.Contains(err.Error(), "NEARLITE_EXTENSION names") {
		t.Errorf("Ping() = %v, want an error that names the variable", err)
	}
}
