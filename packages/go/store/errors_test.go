package store

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

func TestBadInput(t *testing.T) {
	store, path := filled(t)
	origin, none := []float32{0, 0}, SearchOptions{}
	nan, infinite := float32(math.NaN()), float32(math.Inf(1))
	search := func(query []float32, k int, options SearchOptions) error {
		hits, err := store.Search(query, k, options)
		if hits != nil {
			t.Error("hits with an error")
		}
		return err
	}
	batch := func(queries []float32, k, threads int, options SearchOptions) error {
		_, err := store.SearchBatch(queries, k, threads, options)
		return err
	}
	within := func(query []float32, radius float64, options SearchOptions) error {
		_, err := store.SearchRange(query, radius, options)
		return err
	}
	reopen := func(change func(*Options)) error {
		chosen := options(t)
		change(&chosen)
		_, err := Open(path, chosen)
		return err
	}
	for what, err := range map[string]error{
		"insert of too few numbers":  store.Insert([]int64{8}, []float32{1}),
		"insert of too many numbers": store.Insert([]int64{8}, []float32{1, 2, 3, 4}),
		"insert without ids":         store.Insert(nil, origin),
		"insert without vectors":     store.Insert([]int64{8}, nil),
		"insert of NaN":              store.Insert([]int64{8}, []float32{1, nan}),
		"upsert of too few numbers":  store.Upsert([]int64{1, 2}, origin),
		"upsert of infinity":         store.Upsert([]int64{1}, []float32{infinite, 0}),
		"a short query":              search([]float32{1}, 1, none),
		"no query":                   search(nil, 1, none),
		"a query of infinity":        search([]float32{infinite, 0}, 1, none),
		"a negative k":               search(origin, -1, none),
		"a negative width":           search(origin, 1, SearchOptions{EfSearch: -1}),
		"a width out of range":       search(origin, 1, SearchOptions{EfSearch: 1<<32 + 1}),
		"a filter with NUL":          search(origin, 1, SearchOptions{Filter: "1\x00"}),
		"a parameter with NUL": search(origin, 1,
			SearchOptions{Filter: "lang = ?1", Parameters: []string{"\x00"}}),
		"half a query of a batch": batch([]float32{1, 2, 3}, 1, 1, none),
		"a batch on -1 threads":   batch(origin, 1, -1, none),
		"a batch on 2^32 threads": batch(origin, 1, 1<<32, none),
		"a batch with k -1":       batch(origin, -1, 1, none),
		"a batch with NUL":        batch(origin, 1, 1, SearchOptions{Filter: "\x00"}),
		"a long query of a range": within([]float32{1, 2, 3}, 1, none),
		"a radius of NaN":         within(origin, math.NaN(), none),
		"SQL with NUL":            store.Execute("SELECT 1\x00"),
		"another dimension":       reopen(func(o *Options) { o.Dim = 3 }),
		"an unknown metric":       reopen(func(o *Options) { o.Metric = 5 }),
		"a metric out of range":   reopen(func(o *Options) { o.Metric = 1<<32 + 1 }),
		"an unknown element":      reopen(func(o *Options) { o.Element = -1 }),
		"a name with NUL":         reopen(func(o *Options) { o.Name = "vectors\x00" }),
		"columns with NUL":        reopen(func(o *Options) { o.Columns = "\x00" }),
	} {
		if !errors.Is(err, ErrInvalidArgument) || !strings.HasPrefix(err.Error(), "nearlite: ") {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err := Open(path+"\x00", options(t))
	fails(t, err, ErrInvalidArgument, "path")
	_, err = Open(filepath.Join(t.TempDir(), "new.db"), Options{Dim: 2, Create: true})
	fails(t, err, ErrInvalidArgument, "m")
	fails(t, search(origin, 1, SearchOptions{Filter: "nonsense ("}), ErrSQLite)
	if size(t, store) != 3 {
		t.Error("a failed call changed something")
	}
}

func TestOtherErrors(t *testing.T) {
	store, path := filled(t)
	fails(t, store.Insert([]int64{9, 1}, []float32{0, 0, 0, 0}), ErrConstraint, "UNIQUE")
	fails(t, store.Execute("nonsense"), ErrSQLite, "nonsense")
	_, err := Open(filepath.Join(t.TempDir(), "none.db"), Options{Create: true})
	fails(t, err, ErrNotFound)
	_, err = Open(filepath.Join(t.TempDir(), "none", "none.db"), options(t))
	fails(t, err, ErrIO)
	chosen := options(t)
	chosen.ReadOnly = true
	fails(t, open(t, path, chosen).Insert([]int64{8}, []float32{0, 0}), ErrReadOnly)
	if size(t, store) != 3 {
		t.Error("a failed call changed something")
	}
	ok(t, store.Execute("DELETE FROM vectors_links"))
	fails(t, store.Check(), ErrCorruption, "embedding")
	if text := (&Error{Code: ErrFull}).Error(); text != "nearlite: full" {
		t.Error(text)
	}
	if text := Code(99).Error(); text != "nearlite: error 99" {
		t.Error(text)
	}
}

func TestUseAfterClose(t *testing.T) {
	store, _ := filled(t)
	ok(t, store.Close())
	for _, closed := range []*Store{store, {}} {
		query := make([]float32, closed.Dim())
		for what, call := range map[string]func() error{
			"Close":   closed.Close,
			"Flush":   closed.Flush,
			"Check":   closed.Check,
			"Insert":  func() error { return closed.Insert([]int64{8}, query) },
			"Upsert":  func() error { return closed.Upsert([]int64{8}, query) },
			"Execute": func() error { return closed.Execute("SELECT 1") },
			"SetSync": func() error { return closed.SetSync(SyncPerOp, 0) },
			"Erase":   func() error { _, err := closed.Erase(1); return err },
			"Get":     func() error { _, err := closed.Get(1); return err },
			"Size":    func() error { _, err := closed.Size(); return err },
			"Search": func() error {
				_, err := closed.Search(query, 1, SearchOptions{})
				return err
			},
			"Search of all": func() error {
				_, err := closed.Search(query, math.MaxInt, SearchOptions{})
				return err
			},
			"SearchBatch": func() error {
				_, err := closed.SearchBatch(query, 1, 0, SearchOptions{})
				return err
			},
			"SearchRange": func() error {
				_, err := closed.SearchRange(query, 1, SearchOptions{})
				return err
			},
		} {
			if err := call(); !errors.Is(err, ErrClosed) || !errors.Is(err, ErrInvalidArgument) {
				t.Errorf("%s: %v", what, err)
			}
		}
	}
}

// One goroutine writes, several search, and the texts of failures stay with their goroutines.
func TestManyGoroutines(t *testing.T) {
	store, _ := filled(t)
	var group sync.WaitGroup
	start := func(work func() error) {
		group.Add(1)
		go func() {
			defer group.Done()
			if err := work(); err != nil {
				t.Error(err)
			}
		}()
	}
	start(func() error {
		for id := int64(10); id < 110; id++ {
			if err := store.Upsert([]int64{id}, []float32{float32(id), 0}); err != nil {
				return err
			}
		}
		return nil
	})
	for reader := 0; reader < 4; reader++ {
		missing := int64(-1 - reader)
		start(func() error {
			for i := 0; i < 200; i++ {
				hits, err := store.Search([]float32{0, 0}, 3, SearchOptions{})
				if err != nil {
					return err
				}
				if len(hits) != 3 || hits[0] != (Hit{1, 0}) || hits[1] != (Hit{2, 5}) {
					t.Errorf("got %v", hits)
				}
				_, err = store.Get(missing)
				var failure *Error
				if !errors.As(err, &failure) || failure.Code != ErrNotFound ||
					!strings.Contains(failure.Message, "vector -"+string(rune('0'-missing))) {
					t.Errorf("Get(%d): %v", missing, err)
				}
				if i%50 == 0 {
					runtime.GC()
				}
			}
			return nil
		})
	}
	group.Wait()
	ok(t, store.Check())
	if size(t, store) != 103 {
		t.Errorf("%d rows", size(t, store))
	}
}

func TestCloseWhileSearching(t *testing.T) {
	store, _ := filled(t)
	var group, begun sync.WaitGroup
	for searcher := 0; searcher < 4; searcher++ {
		group.Add(1)
		begun.Add(1)
		go func() {
			defer group.Done()
			for i := 0; ; i++ {
				_, err := store.Search([]float32{0, 0}, 3, SearchOptions{})
				if i == 0 {
					begun.Done()
				}
				if errors.Is(err, ErrClosed) {
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		}()
	}
	begun.Wait()
	ok(t, store.Close())
	group.Wait()
}

func TestFindingTheLibrary(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "other.so")
	t.Setenv(variable, file)
	_, err := find()
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), variable+" names "+file) {
		t.Errorf("find() = %v", err)
	}
	ok(t, os.WriteFile(file, []byte("no library"), 0o600))
	if found, err := find(); err != nil || found != file {
		t.Errorf("find() = %q, %v", found, err)
	}
	if _, err := openLibrary(file); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("a text as library: %v", err)
	}
	_, err = openLibrary("libc.so.6")
	if err == nil || !strings.Contains(err.Error(), "libc.so.6 is not the library") {
		t.Errorf("another library: %v", err)
	}
	t.Setenv(variable, "")
	if found, err := find(); err != nil || found != fileName {
		t.Errorf("find() = %q, %v", found, err)
	}
	if _, err := openLibrary(fileName); err == nil ||
		!strings.Contains(err.Error(), variable) || !strings.Contains(err.Error(), "executable") {
		t.Errorf("no library: %v", err)
	}
	executable, err := os.Executable()
	ok(t, err)
	beside := filepath.Join(filepath.Dir(executable), fileName)
	ok(t, os.WriteFile(beside, nil, 0o600))
	defer os.Remove(beside)
	if found, err := find(); err != nil || found != beside {
		t.Errorf("find() = %q, %v", found, err)
	}
}
