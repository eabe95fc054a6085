package store

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"
)

func options(t *testing.T) Options {
	t.Helper()
	chosen, err := DefaultOptions()
	if err != nil {
		t.Fatal(err)
	}
	chosen.Dim = 2
	chosen.Metric = L2
	return chosen
}

func open(t *testing.T, path string, chosen Options) *Store {
	t.Helper()
	opened, err := Open(path, chosen)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { opened.Close() })
	return opened
}

// filled is a store with rows 1, 2 and 3 at distances 0, 5 and 10 from the origin.
func filled(t *testing.T) (*Store, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "store.db")
	chosen := options(t)
	chosen.Columns = "lang text, year integer"
	made := open(t, path, chosen)
	ok(t, made.Insert([]int64{1, 2, 3}, []float32{0, 0, 3, 4, 6, 8}))
	ok(t, made.Execute("UPDATE vectors SET lang = 'en', year = 2000 + rowid WHERE rowid > 1"))
	return made, path
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func fails(t *testing.T, err error, code Code, words ...string) {
	t.Helper()
	var failure *Error
	if !errors.Is(err, code) || !errors.As(err, &failure) || failure.Code != code {
		t.Fatalf("got %v, want the code %v", err, code)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q does not contain %q", err, word)
		}
	}
}

func size(t *testing.T, from *Store) uint64 {
	t.Helper()
	count, err := from.Size()
	ok(t, err)
	return count
}

func expectHits(t *testing.T, hits []Hit, err error, want ...Hit) {
	t.Helper()
	ok(t, err)
	if len(hits) != len(want) || len(want) > 0 && !reflect.DeepEqual(hits, want) {
		t.Errorf("got %v, want %v", hits, want)
	}
}

func TestDefaults(t *testing.T) {
	chosen, err := DefaultOptions()
	ok(t, err)
	want := Options{M: chosen.M, EfConstruction: chosen.EfConstruction, Create: true,
		BusyTimeout: 5 * time.Second}
	if chosen != want || chosen.M < 2 || chosen.EfConstruction < 1 {
		t.Errorf("got %+v", chosen)
	}
}

func TestRoundTripAndReopening(t *testing.T) {
	first, path := filled(t)
	hits, err := first.Search([]float32{0, 0}, 2, SearchOptions{})
	expectHits(t, hits, err, Hit{1, 0}, Hit{2, 5})
	ok(t, first.Upsert([]int64{2}, []float32{0, 1}))
	erased, err := first.Erase(1, 9)
	if err != nil || erased != 1 {
		t.Errorf("Erase = %d, %v", erased, err)
	}
	ok(t, first.Flush())
	ok(t, first.Check())
	ok(t, first.Close())

	second := open(t, path, Options{M: 16, EfConstruction: 200, Create: true})
	if second.Dim() != 2 || size(t, second) != 2 {
		t.Errorf("%d dimensions, %d rows", second.Dim(), size(t, second))
	}
	hits, err = second.Search([]float32{0, 0}, 9, SearchOptions{EfSearch: 50, Exact: true})
	expectHits(t, hits, err, Hit{2, 1}, Hit{3, 10})
	vector, err := second.Get(3)
	if err != nil || !reflect.DeepEqual(vector, []float32{6, 8}) {
		t.Errorf("Get = %v, %v", vector, err)
	}
	vector, err = second.Get(1)
	fails(t, err, ErrNotFound, "vector 1")
	if !errors.Is(err, ErrNotFound) || errors.Is(err, ErrBusy) || vector != nil {
		t.Errorf("Get of what is not there = %v, %v", vector, err)
	}
	ok(t, second.Insert(nil, nil))
	if erased, err := second.Erase(); err != nil || erased != 0 {
		t.Errorf("Erase of nothing = %d, %v", erased, err)
	}
}

func TestEveryOptionArrives(t *testing.T) {
	path := filepath.Join(t.TempDir(), "named.db")
	chosen := Options{Name: "other", Columns: "tag text", Dim: 8, Metric: Hamming, Element: Bit,
		M: 7, EfConstruction: 33, EfSearch: 44, Create: true, ReaderCount: 2,
		BusyTimeout: time.Microsecond}
	made := open(t, path, chosen)
	ok(t, made.Insert([]int64{1}, []float32{1, 1, 1, 0, 0, 0, 0, 0}))
	ok(t, made.Execute("UPDATE other SET tag = 'x'"))
	hits, err := made.Search(make([]float32, 8), 1, SearchOptions{Filter: "tag = 'x'"})
	expectHits(t, hits, err, Hit{1, 3})
	if c, err := chosen.toC(); err != nil || c.busyTimeout != 1 || c.m != 7 ||
		c.efConstruction != 33 || c.efSearch != 44 || c.readerCount != 2 || c.readOnly != 0 {
		t.Errorf("%+v, %v", c, err)
	}
	if c, err := (SearchOptions{EfSearch: 3, Exact: true}).toC(); err != nil || c.efSearch != 3 ||
		c.exact != 1 || c.filter != nil || c.parameters != nil || c.parameterCount != 0 {
		t.Errorf("%+v, %v", c, err)
	}
	if c, err := (Options{Quantize: QuantizeNone}).toC(); err != nil || c.quantize != 2 {
		t.Errorf("%+v, %v", c, err)
	}
	_, err = Open(filepath.Join(t.TempDir(), "l2.db"), Options{Dim: 8, Metric: L2,
		Quantize: QuantizeBit, M: 7, EfConstruction: 33, Create: true})
	fails(t, err, ErrInvalidArgument, "quantize=bit")
	if milliseconds(-1) != 0 || milliseconds(math.MaxInt64) != math.MaxInt32 {
		t.Error("a timeout out of range was not limited")
	}
}

func TestSearching(t *testing.T) {
	store, _ := filled(t)
	origin := []float32{0, 0}
	hits, err := store.Search(origin, 0, SearchOptions{})
	expectHits(t, hits, err)
	hits, err = store.Search(origin, math.MaxInt, SearchOptions{})
	expectHits(t, hits, err, Hit{1, 0}, Hit{2, 5}, Hit{3, 10})
	hits, err = store.Search(origin, 1, SearchOptions{Filter: "lang = 'en'"})
	expectHits(t, hits, err, Hit{2, 5})
	given := SearchOptions{Filter: "lang = ?1 AND year > ?2", Parameters: []string{"en", "2002"}}
	hits, err = store.Search(origin, 5, given)
	expectHits(t, hits, err, Hit{3, 10})
	given.Parameters[0] = "en' OR '1' = '1"
	hits, err = store.Search(origin, 5, given)
	expectHits(t, hits, err)

	hits, err = store.SearchRange(origin, 7, SearchOptions{})
	expectHits(t, hits, err, Hit{1, 0}, Hit{2, 5})
	hits, err = store.SearchRange(origin, 7, SearchOptions{Filter: "lang = 'en'"})
	expectHits(t, hits, err, Hit{2, 5})

	answers, err := store.SearchBatch([]float32{0, 0, 6, 8, 3, 4}, 1, 2, SearchOptions{})
	ok(t, err)
	if want := [][]Hit{{{1, 0}}, {{3, 0}}, {{2, 0}}}; !reflect.DeepEqual(answers, want) {
		t.Errorf("got %v, want %v", answers, want)
	}
	answers, err = store.SearchBatch(origin, math.MaxInt, 0, SearchOptions{Filter: "year > 0"})
	ok(t, err)
	if want := [][]Hit{{{2, 5}, {3, 10}}}; !reflect.DeepEqual(answers, want) {
		t.Errorf("got %v, want %v", answers, want)
	}
	for _, queries := range [][]float32{nil, origin} {
		answers, err = store.SearchBatch(queries, 0, 1, SearchOptions{})
		if err != nil || len(answers) != len(queries)/2 {
			t.Errorf("SearchBatch with k 0 = %v, %v", answers, err)
		}
	}
}

func TestARangeOfManyRows(t *testing.T) {
	store := open(t, ":memory:", options(t))
	const count = 3 * firstRangeRoom
	ids, vectors := make([]int64, count), make([]float32, 2*count)
	for i := range ids {
		ids[i] = int64(i)
		vectors[2*i] = float32(i)
	}
	ok(t, store.Insert(ids, vectors))
	hits, err := store.SearchRange([]float32{0, 0}, count, SearchOptions{})
	ok(t, err)
	if len(hits) != count || hits[count-1] != (Hit{count - 1, count - 1}) {
		t.Errorf("got %d hits", len(hits))
	}
}

func TestWhenWritesAreCommitted(t *testing.T) {
	writer, path := filled(t)
	reader := open(t, path, options(t))
	ok(t, writer.SetSync(SyncOnFlush, 0))
	ok(t, writer.Insert([]int64{4}, []float32{1, 1}))
	if size(t, writer) != 4 || size(t, reader) != 3 {
		t.Error("an unflushed row is not seen by its own store only")
	}
	impatient := options(t)
	impatient.BusyTimeout = 0
	fails(t, open(t, path, impatient).Insert([]int64{5}, []float32{1, 1}), ErrBusy)
	ok(t, writer.Flush())
	if size(t, reader) != 4 {
		t.Error("a flushed row is not seen")
	}
	ok(t, writer.Insert([]int64{6}, []float32{1, 1}))
	ok(t, writer.Close())
	if size(t, reader) != 5 {
		t.Error("Close did not flush")
	}
	ok(t, reader.SetSync(SyncEveryN, 2))
	fails(t, reader.SetSync(SyncEveryN, 0), ErrInvalidArgument, "every n")
	fails(t, reader.SetSync(9, 1), ErrInvalidArgument, "sync mode")
}

func TestACloseThatFailsMayBeRepeated(t *testing.T) {
	writer, path := filled(t)
	ok(t, writer.Close())
	chosen := options(t)
	chosen.BusyTimeout = 0
	writer = open(t, path, chosen)
	ok(t, writer.Execute("PRAGMA journal_mode = DELETE"))
	ok(t, writer.SetSync(SyncOnFlush, 0))
	ok(t, writer.Insert([]int64{4}, []float32{1, 1}))
	reader := open(t, path, chosen)
	// Without a write-ahead log, an open reader keeps the writer from committing.
	ok(t, reader.Execute("BEGIN; SELECT count(*) FROM vectors"))
	fails(t, writer.Close(), ErrBusy)
	if size(t, writer) != 4 {
		t.Error("the store is not as before")
	}
	ok(t, reader.Execute("COMMIT"))
	ok(t, writer.Close())
	if size(t, reader) != 4 {
		t.Error("Close did not flush")
	}
}

func TestAStoreThatIsForgottenIsClosed(t *testing.T) {
	kept, path := filled(t)
	func() {
		lost, err := Open(path, options(t))
		ok(t, err)
		ok(t, lost.SetSync(SyncOnFlush, 0))
		ok(t, lost.Insert([]int64{4}, []float32{1, 1}))
	}()
	for tries := 0; size(t, kept) != 4; tries++ {
		if tries == 500 {
			t.Fatal("the store was not closed")
		}
		runtime.GC()
		time.Sleep(10 * time.Millisecond)
	}
}

func ExampleStore() {
	options, err := DefaultOptions()
	if err != nil {
		fmt.Println(err)
		return
	}
	options.Dim = 2
	options.Metric = L2
	vectors, err := Open(":memory:", options)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer vectors.Close()
	if err := vectors.Upsert([]int64{1, 2}, []float32{0, 0, 3, 4}); err != nil {
		fmt.Println(err)
		return
	}
	hits, err := vectors.Search([]float32{0, 0}, 2, SearchOptions{})
	fmt.Println(hits, err)
	// Output: [{1 0} {2 5}] <nil>
}
