package store

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"github.com/ebitengine/purego"
)

const (
	variable = "NEARLITE_LIBRARY"
	fileName = "libnearlite.so"
)

// library holds the functions of nearlite_c.h.
//
// Slices and pointers are passed as addresses of Go's memory. That is sound because C uses its
// arguments during the call only, because purego keeps them alive as long, and because what goes
// through a function variable is on Go's heap, which does not move.
type library struct {
	lastError   func() string
	optionsInit func(options *cOptions)
	open        func(path []byte, options *cOptions, store *uintptr) int32
	close       func(store uintptr) int32
	free        func(store uintptr)
	dim         func(store uintptr) int32
	size        func(store uintptr, size *uint64) int32
	insert      func(store uintptr, ids []int64, vectors []float32, count uintptr) int32
	upsert      func(store uintptr, ids []int64, vectors []float32, count uintptr) int32
	erase       func(store uintptr, ids []int64, count uintptr, erased *uintptr) int32
	get         func(store uintptr, id int64, vector []float32) int32
	search      func(store uintptr, query []float32, k uintptr, options *cSearchOptions,
		hits []Hit, found *uintptr) int32
	searchBatch func(store uintptr, queries []float32, count, k uintptr, threads int32,
		options *cSearchOptions, hits []Hit, found []uintptr) int32
	searchRange func(store uintptr, query []float32, radius float64, options *cSearchOptions,
		hits []Hit, capacity uintptr, found *uintptr) int32
	setSync func(store uintptr, mode int32, n uint32) int32
	flush   func(store uintptr) int32
	check   func(store uintptr) int32
	execute func(store uintptr, sql []byte) int32
}

var (
	loadedMutex sync.Mutex
	loaded      *library
)

// load returns the library, which is opened once and stays. A failure is not kept: the next call
// tries again.
func load() (*library, error) {
	loadedMutex.Lock()
	defer loadedMutex.Unlock()
	if loaded != nil {
		return loaded, nil
	}
	file, err := find()
	if err != nil {
		return nil, err
	}
	opened, err := openLibrary(file)
	if err != nil {
		return nil, err
	}
	loaded = opened
	return loaded, nil
}

// find returns the library's file, or its plain name for the loader's search path.
func find() (string, error) {
	if named := os.Getenv(variable); named != "" {
		if !isFile(named) {
			return "", fmt.Errorf("nearlite: %s names %s, which is not a file: %w",
				variable, named, fs.ErrNotExist)
		}
		return filepath.Abs(named)
	}
	if executable, err := os.Executable(); err == nil {
		if beside := filepath.Join(filepath.Dir(executable), fileName); isFile(beside) {
			return beside, nil
		}
	}
	return fileName, nil
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

func openLibrary(file string) (*library, error) {
	handle, err := purego.Dlopen(file, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		if file == fileName {
			return nil, fmt.Errorf("nearlite: no %s beside the executable, %s is not set, and: %w",
				fileName, variable, err)
		}
		return nil, fmt.Errorf("nearlite: loading %s: %w", file, err)
	}
	opened := &library{}
	for name, function := range opened.functions() {
		address, err := purego.Dlsym(handle, name)
		if err != nil {
			_ = purego.Dlclose(handle)
			return nil, fmt.Errorf("nearlite: %s is not the library: %w", file, err)
		}
		purego.RegisterFunc(function, address)
	}
	return opened, nil
}

func (l *library) functions() map[string]any {
	return map[string]any{
		"nearlite_last_error":         &l.lastError,
		"nearlite_options_init":       &l.optionsInit,
		"nearlite_store_open":         &l.open,
		"nearlite_store_close":        &l.close,
		"nearlite_store_free":         &l.free,
		"nearlite_store_dim":          &l.dim,
		"nearlite_store_size":         &l.size,
		"nearlite_store_insert":       &l.insert,
		"nearlite_store_upsert":       &l.upsert,
		"nearlite_store_erase":        &l.erase,
		"nearlite_store_get":          &l.get,
		"nearlite_store_search":       &l.search,
		"nearlite_store_search_batch": &l.searchBatch,
		"nearlite_store_search_range": &l.searchRange,
		"nearlite_store_set_sync":     &l.setSync,
		"nearlite_store_flush":        &l.flush,
		"nearlite_store_check":        &l.check,
		"nearlite_store_execute":      &l.execute,
	}
}

// call runs one function of the library and makes its code an error. The text of a failure belongs
// to the thread of the operating system, which therefore must not change in between.
func (l *library) call(function func() int32) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	code := Code(function())
	if code == 0 {
		return nil
	}
	return &Error{Code: code, Message: l.lastError()}
}

// cString returns a text that ends with NUL; `what` names it in the error.
func cString(what, text string) ([]byte, error) {
	if strings.IndexByte(text, 0) >= 0 {
		return nil, invalid("%s: a text must not contain NUL", what)
	}
	return append([]byte(text), 0), nil
}

// optionalString is cString, but an empty text is a null pointer.
func optionalString(what, text string) (*byte, error) {
	if text == "" {
		return nil, nil
	}
	bytes, err := cString(what, text)
	if err != nil {
		return nil, err
	}
	return &bytes[0], nil
}
