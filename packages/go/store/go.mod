module github.com/nearlite/nearlite/packages/go/store

go 1.18

require github.com/ebitengine/purego v0.10.2
