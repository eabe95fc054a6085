package store

import (
	"math"
	"time"
	"unsafe"
)

// Metric is how the distance of two vectors is measured. Smaller is nearer with all of them.
type Metric int

// The metrics; docs/sql.md defines their distances.
const (
	Cosine Metric = iota
	L2
	IP
	L1
	Hamming
)

// Element is how a component is kept in the file. Vectors go in and come out as float32.
type Element int

// The elements.
const (
	Float32 Element = iota
	Float16
	BFloat16
	Int8
	Bit
)

// Quantize is what memory holds of a vector.
type Quantize int

// The ways: two bytes a component; a bit, which takes a quarter of the memory or less, is slower,
// and needs Cosine; the vector itself.
const (
	QuantizeInt8 Quantize = iota
	QuantizeBit
	QuantizeNone
)

// Options says how a store is opened. Begin with DefaultOptions: the zero value is none that
// makes a store, since it does not create and its M is out of range.
type Options struct {
	// Name is the table that holds the store; empty: "vectors".
	Name string
	// Columns are further columns of a new store, as in SQL: "lang text, year integer, +title
	// text". Filters speak of them. Default: none.
	Columns string
	// Dim is the number of components of a vector of a new store. What exists must have as many;
	// 0, the default: whatever it has, and the store must exist.
	Dim int
	// Metric of a new store; what exists must have the same when Dim is given. Default: Cosine.
	Metric Metric
	// Element of a new store, as Metric. Default: Float32.
	Element Element
	// Quantize of a new store. Default: QuantizeInt8.
	Quantize Quantize
	// M is the number of links of a row in the graph of a new store, 2 to 128. Default: the
	// library's.
	M int
	// EfConstruction is the width of the search that links a new row, 1 to 10,000. Default: the
	// library's.
	EfConstruction int
	// EfSearch is the width of a query's search, 1 to 100,000; 0, the default: EfConstruction.
	EfSearch int
	// ReadOnly opens a store that exists for reading. Default: false.
	ReadOnly bool
	// Create makes file and table when there are none and Dim is given; otherwise that is
	// ErrNotFound. Default: true.
	Create bool
	// BusyTimeout is how long to wait for another connection's lock, in whole milliseconds; 0 or
	// less: not at all. Default: five seconds.
	BusyTimeout time.Duration
	// ReaderCount is how many threads search at once, 0 to 1,024; 0, the default: one per
	// processor.
	ReaderCount int
}

// The structs of nearlite_c.h, field by field.
type cOptions struct {
	size           uintptr
	name           *byte
	columns        *byte
	dim            int32
	metric         int32
	element        int32
	quantize       int32
	m              int32
	efConstruction int32
	efSearch       int32
	readOnly       int32
	create         int32
	busyTimeout    int32 // milliseconds
	readerCount    int32
}

type cSearchOptions struct {
	efSearch       int32
	exact          int32
	filter         *byte
	parameters     **byte
	parameterCount int32
}

// DefaultOptions returns the library's defaults; set at least Dim for a new store.
//
// It loads the library and fails when that cannot be: see Open.
func DefaultOptions() (Options, error) {
	library, err := load()
	if err != nil {
		return Options{}, err
	}
	var defaults cOptions
	library.optionsInit(&defaults)
	return Options{
		Dim:            int(defaults.dim),
		Metric:         Metric(defaults.metric),
		Element:        Element(defaults.element),
		Quantize:       Quantize(defaults.quantize),
		M:              int(defaults.m),
		EfConstruction: int(defaults.efConstruction),
		EfSearch:       int(defaults.efSearch),
		ReadOnly:       defaults.readOnly != 0,
		Create:         defaults.create != 0,
		BusyTimeout:    time.Duration(defaults.busyTimeout) * time.Millisecond,
		ReaderCount:    int(defaults.readerCount),
	}, nil
}

func (o Options) toC() (*cOptions, error) {
	made := &cOptions{size: unsafe.Sizeof(cOptions{}), busyTimeout: milliseconds(o.BusyTimeout)}
	var err error
	if made.name, err = optionalString("options.Name", o.Name); err != nil {
		return nil, err
	}
	if made.columns, err = optionalString("options.Columns", o.Columns); err != nil {
		return nil, err
	}
	for _, number := range []struct {
		name string
		from int
		to   *int32
	}{
		{"Dim", o.Dim, &made.dim},
		{"Metric", int(o.Metric), &made.metric},
		{"Element", int(o.Element), &made.element},
		{"Quantize", int(o.Quantize), &made.quantize},
		{"M", o.M, &made.m},
		{"EfConstruction", o.EfConstruction, &made.efConstruction},
		{"EfSearch", o.EfSearch, &made.efSearch},
		{"ReaderCount", o.ReaderCount, &made.readerCount},
	} {
		if *number.to, err = narrow("options."+number.name, number.from); err != nil {
			return nil, err
		}
	}
	made.readOnly = flag(o.ReadOnly)
	made.create = flag(o.Create)
	return made, nil
}

// SearchOptions says how a search is done. The zero value takes the settings of the store.
type SearchOptions struct {
	// EfSearch is the width of the search, 1 to 100,000: more finds better and takes longer; 0:
	// that of the store.
	EfSearch int
	// Exact compares with every row instead of following the graph.
	Exact bool
	// Filter is an SQL expression over the columns of the table, which hits must satisfy, such as
	// "lang = ?1 AND year > ?2"; empty: none. What other people wrote belongs into Parameters.
	Filter string
	// Parameters are the values of ?1, ?2, … in Filter. They are texts; compared with a column
	// that has the type of a number, they are numbers. Elsewhere CAST(?1 AS INTEGER) makes one.
	Parameters []string
}

func (o SearchOptions) toC() (*cSearchOptions, error) {
	made := &cSearchOptions{exact: flag(o.Exact)}
	var err error
	if made.efSearch, err = narrow("options.EfSearch", o.EfSearch); err != nil {
		return nil, err
	}
	if made.filter, err = optionalString("options.Filter", o.Filter); err != nil {
		return nil, err
	}
	if made.parameterCount, err = narrow("options.Parameters", len(o.Parameters)); err != nil {
		return nil, err
	}
	if len(o.Parameters) == 0 {
		return made, nil
	}
	texts := make([]*byte, len(o.Parameters))
	for i, parameter := range o.Parameters {
		text, err := cString("options.Parameters", parameter)
		if err != nil {
			return nil, err
		}
		texts[i] = &text[0]
	}
	made.parameters = &texts[0]
	return made, nil
}

func narrow(what string, number int) (int32, error) {
	if number < math.MinInt32 || number > math.MaxInt32 {
		return 0, invalid("%s: %d is out of range", what, number)
	}
	return int32(number), nil
}

func flag(set bool) int32 {
	if set {
		return 1
	}
	return 0
}

// milliseconds rounds up, so that a short wait does not become none.
func milliseconds(wait time.Duration) int32 {
	if wait <= 0 {
		return 0
	}
	whole := wait / time.Millisecond
	if wait%time.Millisecond != 0 {
		whole++
	}
	if whole > math.MaxInt32 {
		return math.MaxInt32
	}
	return int32(whole)
}
