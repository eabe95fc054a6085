package store

import (
	"math"
	"unsafe"
)

const (
	// Hits to make room for without asking how many rows there are, and at first for a range.
	roomWithoutAsking = 1 << 16
	firstRangeRoom    = 256
)

// Hit is a found row.
type Hit struct {
	// ID is the row's id.
	ID int64
	// Distance is the exact distance to the query, by the store's metric.
	Distance float64
}

// Search returns the k rows nearest to query, which has Dim numbers, nearest first. There are
// fewer when fewer rows satisfy the filter; with k 0 there are none.
//
// Errors: ErrInvalidArgument for a negative k, a query of another length or with NaN or infinity,
// and options out of range; SQLite's for a filter that is no expression.
func (s *Store) Search(query []float32, k int, options SearchOptions) ([]Hit, error) {
	chosen, err := s.prepare(query, options)
	if err != nil {
		return nil, err
	}
	room, err := s.room(k)
	if err != nil {
		return nil, err
	}
	hits := make([]Hit, room)
	var found uintptr
	err = s.call(func() int32 {
		return s.library.search(s.handle, query, uintptr(room), chosen, hits, &found)
	})
	if err != nil {
		return nil, err
	}
	return hits[:found:found], nil
}

// SearchBatch searches for several queries, one after the other in one slice of Dim numbers each,
// on several threads (0: one per processor) and from one snapshot. Element i of the result is what
// Search would return for query i. Takes memory for k hits of each query.
//
// Errors: as Search.
func (s *Store) SearchBatch(
	queries []float32, k, threads int, options SearchOptions,
) ([][]Hit, error) {
	count := 0
	if s.dim > 0 {
		count = len(queries) / s.dim
	}
	if len(queries) != count*s.dim {
		return nil, invalid("queries: expected a multiple of %d numbers, got %d", s.dim, len(queries))
	}
	chosen, err := options.toC()
	if err != nil {
		return nil, err
	}
	threadCount, err := narrow("threads", threads)
	if err != nil {
		return nil, err
	}
	room, err := s.room(k)
	if err != nil {
		return nil, err
	}
	if count > 0 && room > math.MaxInt/int(unsafe.Sizeof(Hit{}))/count {
		return nil, invalid("k: %d hits of %d queries fit in no memory", room, count)
	}
	hits, found := make([]Hit, count*room), make([]uintptr, count)
	err = s.call(func() int32 {
		return s.library.searchBatch(s.handle, queries, uintptr(count), uintptr(room), threadCount,
			chosen, hits, found)
	})
	if err != nil {
		return nil, err
	}
	answers := make([][]Hit, count)
	for i := range answers {
		begin := i * room
		end := begin + int(found[i])
		answers[i] = hits[begin:end:end]
	}
	return answers, nil
}

// SearchRange returns all rows within radius, a distance of the store's metric, of query, nearest
// first.
//
// Errors: as Search; ErrInvalidArgument for a radius that is NaN.
func (s *Store) SearchRange(
	query []float32, radius float64, options SearchOptions,
) ([]Hit, error) {
	chosen, err := s.prepare(query, options)
	if err != nil {
		return nil, err
	}
	// How many there are is known afterwards only, and there may be more the next time.
	for room := firstRangeRoom; ; {
		hits := make([]Hit, room)
		var found uintptr
		err := s.call(func() int32 {
			return s.library.searchRange(s.handle, query, radius, chosen, hits, uintptr(room), &found)
		})
		if err != nil {
			return nil, err
		}
		if found <= uintptr(room) {
			return hits[:found:found], nil
		}
		room = int(found) + int(found)/8
	}
}

func (s *Store) prepare(query []float32, options SearchOptions) (*cSearchOptions, error) {
	if len(query) != s.dim {
		return nil, invalid("query: expected %d dimensions, got %d", s.dim, len(query))
	}
	return options.toC()
}

// room returns how many hits to make room for: k, unless that is far more than there are rows.
func (s *Store) room(k int) (int, error) {
	if k < 0 {
		return 0, invalid("k: expected 0 or more, got %d", k)
	}
	if k <= roomWithoutAsking {
		return k, nil
	}
	size, err := s.Size()
	if err == nil && uint64(k) > size {
		k = int(size)
	}
	return k, err
}
