// Package store keeps vectors in a file and finds the nearest ones, without SQL and without a C
// compiler: it loads Nearlite's C library, libnearlite.so, when the program runs, and works with
// CGO_ENABLED=0. It needs Go 1.18 or newer.
//
//	options, err := store.DefaultOptions()
//	options.Dim = 384
//	vectors, err := store.Open("vectors.db", options)
//	err = vectors.Upsert([]int64{1}, embedding)
//	hits, err := vectors.Search(query, 10, store.SearchOptions{})
//	err = vectors.Close()
//
// Several vectors are given as one slice, one after the other. All failures of a store are of the
// type *Error.
package store

import (
	"runtime"
	"sync"
)

// Store is a set of vectors with ids in a database file.
//
// All methods may be called by several goroutines at once, Close included. Searches run side by
// side, writes one after the other; a search sees what was acknowledged before it began. Arguments
// are used during the call only. A call blocks a thread of the operating system until it is done.
//
// A store that is not closed is closed when the garbage collector finds it, and nobody hears of a
// failure then.
type Store struct {
	library *library
	dim     int

	mutex  sync.RWMutex // held for reading by calls, so that Close waits for them
	handle uintptr      // 0: closed
}

// Open opens the store in the database file path, or ":memory:" for one in memory only.
//
// The first call of the package loads the library: the file that the environment variable
// NEARLITE_LIBRARY names, else libnearlite.so beside the running executable, else the one on the
// loader's search path. That fails with an error that names all three. Further errors: ErrNotFound
// when there is no store and none is to be made, ErrInvalidArgument when it is not as the options
// say or these are out of range.
func Open(path string, options Options) (*Store, error) {
	library, err := load()
	if err != nil {
		return nil, err
	}
	file, err := cString("path", path)
	if err != nil {
		return nil, err
	}
	made, err := options.toC()
	if err != nil {
		return nil, err
	}
	var handle uintptr
	err = library.call(func() int32 { return library.open(file, made, &handle) })
	if err != nil {
		return nil, err
	}
	opened := &Store{library: library, dim: int(library.dim(handle)), handle: handle}
	// In a goroutine of its own, because closing may write, and finalizers wait for each other.
	runtime.SetFinalizer(opened, func(lost *Store) { go lost.release() })
	return opened, nil
}

// Dim returns the number of components of a vector, also of a closed store.
func (s *Store) Dim() int {
	return s.dim
}

// Size returns the number of rows.
func (s *Store) Size() (uint64, error) {
	var size uint64
	err := s.call(func() int32 { return s.library.size(s.handle, &size) })
	if err != nil {
		return 0, err
	}
	return size, nil
}

// Insert adds rows, all or none: vectors holds Dim numbers for each id. ErrConstraint when an id
// is there already.
func (s *Store) Insert(ids []int64, vectors []float32) error {
	if err := s.fits(ids, vectors); err != nil {
		return err
	}
	return s.call(func() int32 {
		return s.library.insert(s.handle, ids, vectors, uintptr(len(ids)))
	})
}

// Upsert adds rows, and replaces the vectors of those that are there, all or none: vectors holds
// Dim numbers for each id.
func (s *Store) Upsert(ids []int64, vectors []float32) error {
	if err := s.fits(ids, vectors); err != nil {
		return err
	}
	return s.call(func() int32 {
		return s.library.upsert(s.handle, ids, vectors, uintptr(len(ids)))
	})
}

func (s *Store) fits(ids []int64, vectors []float32) error {
	if len(vectors) != len(ids)*s.dim {
		return invalid("vectors: expected %d numbers for each of %d ids, got %d",
			s.dim, len(ids), len(vectors))
	}
	return nil
}

// Erase removes rows, all or none, and returns how many there were. Ids that are not there are no
// error.
func (s *Store) Erase(ids ...int64) (int, error) {
	var erased uintptr
	err := s.call(func() int32 {
		return s.library.erase(s.handle, ids, uintptr(len(ids)), &erased)
	})
	return int(erased), err
}

// Get returns the vector of a row. ErrNotFound when there is no such row.
func (s *Store) Get(id int64) ([]float32, error) {
	vector := make([]float32, s.dim)
	err := s.call(func() int32 { return s.library.get(s.handle, id, vector) })
	if err != nil {
		return nil, err
	}
	return vector, nil
}

// Execute runs SQL statements on the store's database, such as an UPDATE of further columns; rows
// are skipped. Other writes wait meanwhile.
func (s *Store) Execute(sql string) error {
	text, err := cString("sql", sql)
	if err != nil {
		return err
	}
	return s.call(func() int32 { return s.library.execute(s.handle, text) })
}

// Sync is when writes are committed, and thereby durable.
type Sync int

// The ways to commit. What is not committed yet is seen by this store at once, by others not, and
// others cannot write meanwhile; a crash loses it as a whole.
const (
	// SyncPerOp commits every call; the default.
	SyncPerOp Sync = iota
	// SyncEveryN commits once n rows have been written.
	SyncEveryN
	// SyncOnFlush commits when Flush or Close is called.
	SyncOnFlush
)

// SetSync sets when writes are committed; n is the number of rows for SyncEveryN, 1 or more, and
// unused otherwise.
func (s *Store) SetSync(mode Sync, n uint32) error {
	number, err := narrow("mode", int(mode))
	if err != nil {
		return err
	}
	return s.call(func() int32 { return s.library.setSync(s.handle, number, n) })
}

// Flush commits what has been written.
func (s *Store) Flush() error {
	return s.call(func() int32 { return s.library.flush(s.handle) })
}

// Check compares the index with the rows, which takes time in proportion to the store. The result
// is nil when they agree; ErrCorruption's message says what differs.
func (s *Store) Check() error {
	return s.call(func() int32 { return s.library.check(s.handle) })
}

// Close waits for calls of other goroutines, flushes and closes. A store whose flush fails stays
// open, so that Close may be called again. A store that is closed already: ErrClosed.
func (s *Store) Close() error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.handle == 0 {
		return ErrClosed
	}
	if err := s.library.call(func() int32 { return s.library.close(s.handle) }); err != nil {
		return err
	}
	s.free()
	return nil
}

// release frees the library's part of the store, with whatever can be flushed.
func (s *Store) release() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.handle != 0 {
		s.free()
	}
}

func (s *Store) free() {
	s.library.free(s.handle)
	s.handle = 0
	runtime.SetFinalizer(s, nil)
}

// call runs a function of the library with the store open.
func (s *Store) call(function func() int32) error {
	s.mutex.RLock()
	defer s.mutex.RUnlock()
	if s.handle == 0 {
		return ErrClosed
	}
	return s.library.call(function)
}
