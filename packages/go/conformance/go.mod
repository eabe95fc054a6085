module github.com/nearlite/nearlite/packages/go/conformance

go 1.19

require (
	github.com/mattn/go-sqlite3 v1.14.39
	github.com/nearlite/nearlite/packages/go v0.1.0
)

replace github.com/nearlite/nearlite/packages/go => ../
