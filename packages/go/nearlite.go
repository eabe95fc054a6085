// Package nearlite finds Nearlite's SQLite extension, loads it into a connection, and turns vectors
// into blobs and back. SQL is the interface; docs/sql.md describes it.
//
// With mattn/go-sqlite3 the extension is loaded into every connection that the pool opens:
//
//	sql.Register("sqlite3_nearlite", &sqlite3.SQLiteDriver{
//		ConnectHook: func(conn *sqlite3.SQLiteConn) error { return nearlite.Load(conn) },
//	})
//	db, err := sql.Open("sqlite3_nearlite", "app.db")
//
// The package depends on no driver. All functions may be called by several goroutines at once, as
// long as each connection is used by one at a time.
package nearlite

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
)

const version = "0.1.0"

const (
	variable  = "NEARLITE_EXTENSION"
	fileName  = "nearlite.so"
	entry     = "sqlite3_nearlite_init"
	floatSize = 4
)

// Extensible is a connection that can load extensions: *sqlite3.SQLiteConn of mattn/go-sqlite3 is
// one. LoadExtension loads the library lib by its function entry, and leaves the connection's
// permission to load extensions off.
type Extensible interface {
	LoadExtension(lib, entry string) error
}

// Path returns the extension's file as an absolute path: the one that the environment variable
// NEARLITE_EXTENSION names, else nearlite.so beside the running executable. A Go program has no
// folder of its packages when it runs, so the executable takes that place; under "go run" and
// "go test", whose executables are in temporary folders, the variable is needed.
//
// When the file is not there, the error says where it was sought, and errors.Is(err,
// fs.ErrNotExist) holds.
func Path() (string, error) {
	if named := os.Getenv(variable); named != "" {
		if !isFile(named) {
			return "", fmt.Errorf("nearlite: %s names %s, which is not a file: %w",
				variable, named, fs.ErrNotExist)
		}
		return filepath.Abs(named)
	}
	executable, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("nearlite: %s is not set, and the executable's folder is unknown: %w",
			variable, err)
	}
	folder := filepath.Dir(executable)
	file := filepath.Join(folder, fileName)
	if !isFile(file) {
		return "", fmt.Errorf("nearlite: no %s in %s, and %s is not set: %w",
			fileName, folder, variable, fs.ErrNotExist)
	}
	return file, nil
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// Load loads the extension into a connection; the driver's LoadExtension leaves the loading of
// others off. Call it in the driver's hook for new connections, such as ConnectHook of
// mattn/go-sqlite3: loaded into one connection of a pool, the extension is unknown to the others.
//
// Errors: those of Path, and the driver's own, wrapped, when it or SQLite refuses the file. A
// mattn/go-sqlite3 built with the tag sqlite_omit_load_extension refuses every file.
func Load(conn Extensible) error {
	if conn == nil {
		return errors.New("nearlite: expected a connection, got nil")
	}
	file, err := Path()
	if err != nil {
		return err
	}
	if err := conn.LoadExtension(file, entry); err != nil {
		return fmt.Errorf("nearlite: loading %s: %w", file, err)
	}
	return nil
}

// Encode returns a vector as a blob of float32, little-endian, as vector columns and MATCH take it.
//
// Errors: an empty vector, and a component that is infinite or NaN.
func Encode(vector []float32) ([]byte, error) {
	if len(vector) == 0 {
		return nil, errors.New("nearlite: a vector has at least one component")
	}
	blob := make([]byte, len(vector)*floatSize)
	for i, component := range vector {
		wide := float64(component)
		if math.IsNaN(wide) || math.IsInf(wide, 0) {
			return nil, fmt.Errorf("nearlite: component %d is %v, not finite", i, component)
		}
		binary.LittleEndian.PutUint32(blob[i*floatSize:], math.Float32bits(component))
	}
	return blob, nil
}

// Decode returns the vector of a blob of float32, little-endian.
//
// Errors: a blob whose length is 0 or not a whole number of float32.
func Decode(blob []byte) ([]float32, error) {
	if len(blob) == 0 || len(blob)%floatSize != 0 {
		return nil, fmt.Errorf("nearlite: a blob of %d bytes is not a vector of float32", len(blob))
	}
	vector := make([]float32, len(blob)/floatSize)
	for i := range vector {
		vector[i] = math.Float32frombits(binary.LittleEndian.Uint32(blob[i*floatSize:]))
	}
	return vector, nil
}

// Version returns the version of this package, which is that of the extension it was made with:
// SELECT nearlite_version() says the same.
func Version() string {
	return version
}
