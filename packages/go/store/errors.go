package store

import "fmt"

// Code is what kind of failure happened. Every failure of a store is an *Error with a Code, and
// the codes are errors themselves, so that errors.Is(err, store.ErrNotFound) asks for one.
type Code int32

// The codes, whose numbers never change.
const (
	// ErrInvalidArgument: a wrong length, a value out of range, NaN or infinity in a vector, a
	// store that is closed or is not as the options say.
	ErrInvalidArgument Code = 1
	// ErrNotFound: no such row, or no store where none is to be made.
	ErrNotFound Code = 2
	// ErrConstraint: an id that is there already, or a constraint of the table.
	ErrConstraint Code = 3
	// ErrBusy: another connection held the lock for longer than the busy timeout.
	ErrBusy Code = 4
	// ErrFull: the disk or the database is full.
	ErrFull Code = 5
	// ErrIO: the operating system failed to read or write.
	ErrIO Code = 6
	// ErrNoMemory: the library got no memory.
	ErrNoMemory Code = 7
	// ErrInterrupted: the work was ended before it was done.
	ErrInterrupted Code = 8
	// ErrReadOnly: a write to a store that is open for reading only.
	ErrReadOnly Code = 9
	// ErrCorruption: rows and index do not agree, or the file is damaged.
	ErrCorruption Code = 10
	// ErrInternal: a mistake in Nearlite.
	ErrInternal Code = 11
	// ErrSQLite: anything else that SQLite reports, such as a mistake in SQL.
	ErrSQLite Code = 12
)

var codeTexts = [...]string{
	ErrInvalidArgument: "invalid argument",
	ErrNotFound:        "not found",
	ErrConstraint:      "constraint violated",
	ErrBusy:            "busy",
	ErrFull:            "full",
	ErrIO:              "input or output failed",
	ErrNoMemory:        "no memory",
	ErrInterrupted:     "interrupted",
	ErrReadOnly:        "read only",
	ErrCorruption:      "corruption",
	ErrInternal:        "internal error",
	ErrSQLite:          "SQLite reports an error",
}

// Error returns the kind of failure in words.
func (c Code) Error() string {
	if c > 0 && int(c) < len(codeTexts) {
		return "nearlite: " + codeTexts[c]
	}
	return fmt.Sprintf("nearlite: error %d", int32(c))
}

// Error is a failure of a store. A call that fails has changed nothing.
type Error struct {
	// Code is the kind of failure.
	Code Code
	// Message names the table, the thing, the limit and the value.
	Message string
}

// Error returns the message, or the code in words when there is none.
func (e *Error) Error() string {
	if e.Message == "" {
		return e.Code.Error()
	}
	return e.Message
}

// Unwrap returns the Code, for errors.Is and errors.As.
func (e *Error) Unwrap() error {
	return e.Code
}

// ErrClosed is what every method of a closed store returns, Close included. It has the code
// ErrInvalidArgument.
var ErrClosed error = invalid("the store is closed")

func invalid(format string, arguments ...any) *Error {
	return &Error{Code: ErrInvalidArgument, Message: "nearlite: " + fmt.Sprintf(format, arguments...)}
}
