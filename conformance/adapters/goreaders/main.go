// SPDX-License-Identifier: MIT

// Goreaders speaks the adapter protocol for readers of layers in Go:
//
//	goreaders tar hello|serve|verify...      archive/tar, with compress/gzip and klauspost's zstd
//	goreaders stream hello|serve|verify...   these two decompressors alone
//	goreaders estargz hello|serve|verify...  the eStargz library of stargz-snapshotter
//
// A panic is a crash: the process dies of SIGABRT, whatever it was asked.
package main

import (
	"fmt"
	"os"
	"runtime/debug"
)

// A reader is an implementation behind the protocol.
type reader struct {
	name     string
	module   string // whose version it has; "": Go's own
	home     string
	formats  []string
	features []string
	policies map[string]string
	tree     bool // can it tell one?
	read     func(request) (*tree, error)
}

var readers = map[string]reader{
	"tar": {
		name: "go-tar", home: "https://pkg.go.dev/archive/tar",
		formats:  []string{"oci"},
		features: []string{"xattrs"}, tree: true, read: readTar,
		policies: map[string]string{
			"policy.name.parent": "strip", "policy.name.absolute": "strip",
			"policy.size.on-links": "ignore", "policy.xattr.unknown-prefix": "drop",
		},
	},
	"stream": {
		name: "go-stream", home: "https://pkg.go.dev/compress/gzip",
		formats: []string{"gzip", "zstd"}, features: []string{}, read: readStream,
		policies: map[string]string{},
	},
	"estargz": {
		name: "go-estargz", module: "github.com/containerd/stargz-snapshotter/estargz",
		home:     "https://github.com/containerd/stargz-snapshotter",
		formats:  []string{"estargz", "zstdchunked"},
		features: []string{"whiteouts", "xattrs"}, tree: true, read: readEstargz,
		policies: map[string]string{
			"policy.xattr.overlay": "keep", "policy.xattr.unknown-prefix": "drop",
		},
	},
}

func main() {
	debug.SetTraceback("crash")
	if len(os.Args) > 2 {
		if r, ok := readers[os.Args[1]]; ok {
			os.Exit(speak(r, os.Args[2:]))
		}
	}
	fmt.Fprintln(os.Stderr, "usage: goreaders tar|estargz hello|serve|verify...")
	os.Exit(exits["error"])
}
