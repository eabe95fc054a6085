package nearlite

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The cases that need no database; those of SQL are in the module conformance, with a driver.
type cases struct {
	Encode []struct {
		Vector []any
		Hex    string
	}
	EncodeErrors []struct{ Vector []any } `json:"encode_errors"`
	DecodeErrors []struct{ Hex string }   `json:"decode_errors"`
}

func readCases(t *testing.T) cases {
	t.Helper()
	text, err := os.ReadFile("../conformance/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var read cases
	if err := json.Unmarshal(text, &read); err != nil {
		t.Fatal(err)
	}
	if len(read.Encode) == 0 || len(read.EncodeErrors) == 0 || len(read.DecodeErrors) == 0 {
		t.Fatal("cases.json lacks a list")
	}
	return read
}

func floats(t *testing.T, components []any) []float32 {
	t.Helper()
	vector := []float32{}
	for _, component := range components {
		switch value := component.(type) {
		case float64:
			vector = append(vector, float32(value))
		case string:
			special := map[string]float64{
				"inf": math.Inf(1), "-inf": math.Inf(-1), "nan": math.NaN(),
			}
			number, known := special[value]
			if !known {
				t.Fatalf("unknown component %q", value)
			}
			vector = append(vector, float32(number))
		default:
			t.Fatalf("unknown component %v", component)
		}
	}
	return vector
}

func TestEncodeAndDecode(t *testing.T) {
	for _, one := range readCases(t).Encode {
		vector := floats(t, one.Vector)
		blob, err := Encode(vector)
		if err != nil || hex.EncodeToString(blob) != one.Hex {
			t.Errorf("Encode(%v) = %x, %v, want %s", vector, blob, err, one.Hex)
			continue
		}
		back, err := Decode(blob)
		if err != nil || len(back) != len(vector) {
			t.Errorf("Decode(%x) = %v, %v", blob, back, err)
			continue
		}
		for i := range back {
			if back[i] != vector[i] {
				t.Errorf("Decode(%x)[%d] = %v, want %v", blob, i, back[i], vector[i])
			}
		}
	}
}

func TestWhatIsNoVector(t *testing.T) {
	read := readCases(t)
	for _, one := range read.EncodeErrors {
		if blob, err := Encode(floats(t, one.Vector)); err == nil || blob != nil {
			t.Errorf("Encode(%v) = %x, %v, want an error", one.Vector, blob, err)
		}
	}
	for _, one := range read.DecodeErrors {
		blob, err := hex.DecodeString(one.Hex)
		if err != nil {
			t.Fatal(err)
		}
		if vector, err := Decode(blob); err == nil || vector != nil {
			t.Errorf("Decode(%s) = %v, %v, want an error", one.Hex, vector, err)
		}
	}
	if _, err := Encode(nil); err == nil {
		t.Error("Encode(nil) gave no error")
	}
}

func expectError(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("expected an error")
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q does not contain %q", err, word)
		}
	}
}

func TestPathByVariable(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "other.so")
	t.Setenv(variable, file)
	_, err := Path()
	expectError(t, err, variable, file, "not a file")
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v is not fs.ErrNotExist", err)
	}
	t.Setenv(variable, folder)
	_, err = Path()
	expectError(t, err, variable, folder, "not a file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(variable, file)
	if found, err := Path(); err != nil || found != file {
		t.Errorf("Path() = %q, %v, want %q", found, err, file)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	relative, err := filepath.Rel(here, file)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(variable, relative)
	if found, err := Path(); err != nil || found != file {
		t.Errorf("Path() = %q, %v, want %q", found, err, file)
	}
}

func TestPathBesideTheExecutable(t *testing.T) {
	t.Setenv(variable, "")
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	_, err = Path()
	expectError(t, err, "no nearlite.so in "+filepath.Dir(executable), variable+" is not set")
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v is not fs.ErrNotExist", err)
	}
	// The test's executable is in a temporary folder of its own.
	file := filepath.Join(filepath.Dir(executable), fileName)
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(file)
	if found, err := Path(); err != nil || found != file {
		t.Errorf("Path() = %q, %v, want %q", found, err, file)
	}
}

type fakeConnection struct {
	lib, entry string
	err        error
}

func (c *fakeConnection) LoadExtension(lib, entry string) error {
	c.lib, c.entry = lib, entry
	return c.err
}

func TestLoad(t *testing.T) {
	file := filepath.Join(t.TempDir(), fileName)
	t.Setenv(variable, file)
	connection := &fakeConnection{}
	expectError(t, Load(connection), variable)
	if connection.lib != "" {
		t.Error("loaded what is not there")
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Load(connection); err != nil {
		t.Fatal(err)
	}
	if connection.lib != file || connection.entry != "sqlite3_nearlite_init" {
		t.Errorf("loaded %q by %q", connection.lib, connection.entry)
	}
	connection.err = errors.New("refused")
	err := Load(connection)
	expectError(t, err, file, "refused")
	if !errors.Is(err, connection.err) {
		t.Errorf("%v does not wrap the driver's error", err)
	}
	expectError(t, Load(nil), "nil")
}
