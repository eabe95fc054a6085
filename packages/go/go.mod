module github.com/nearlite/nearlite/packages/go

go 1.18
