// Package conformance runs packages/conformance/cases.json through database/sql and
// mattn/go-sqlite3. It is a module of its own so that the package nearlite depends on no driver.
package conformance
