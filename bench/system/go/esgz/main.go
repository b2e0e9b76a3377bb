// SPDX-License-Identifier: MIT

// Esgz drives the Go eStargz library from the command line: the stranger that our reader and
// writer are held against.
//
//	esgz verify BLOB TOC-DIGEST      open, verify the TOC and read every chunk through its verifier
//	esgz open BLOB TOC-DIGEST        open and verify the TOC, print the nanoseconds that it took
//	esgz list BLOB                   one JSON line per entry, sorted by name
//	esgz build [FLAGS] TAR OUT       write TAR as eStargz to OUT, print its TOC digest and diffID
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"sort"
	"strings"
	"time"

	"github.com/containerd/stargz-snapshotter/estargz"
	digest "github.com/opencontainers/go-digest"
)

func openBlob(path string) (*estargz.Reader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return estargz.Open(io.NewSectionReader(f, 0, info.Size()))
}

// walk calls visit for each name below e, which is called name.
func walk(name string, e *estargz.TOCEntry, visit func(string, *estargz.TOCEntry) error) error {
	if err := visit(name, e); err != nil {
		return err
	}
	var names []string
	e.ForeachChild(func(base string, _ *estargz.TOCEntry) bool {
		names = append(names, base)
		return true
	})
	sort.Strings(names)
	for _, base := range names {
		child, ok := e.LookupChild(base)
		if !ok {
			return fmt.Errorf("%s/%s: listed and not found", name, base)
		}
		if err := walk(strings.TrimPrefix(name+"/"+base, "/"), child, visit); err != nil {
			return err
		}
	}
	return nil
}

// readFile reads a whole file chunk by chunk, each through its verifier.
func readFile(r *estargz.Reader, v estargz.TOCEntryVerifier, name string, size int64) error {
	file, err := r.OpenFile(name)
	if err != nil {
		return err
	}
	for off := int64(0); off < size; {
		chunk, ok := r.ChunkEntryForOffset(name, off)
		if !ok {
			return fmt.Errorf("%s: no chunk at %d", name, off)
		}
		verifier, err := v.Verifier(chunk)
		if err != nil {
			return fmt.Errorf("%s at %d: %w", name, off, err)
		}
		part := io.NewSectionReader(file, chunk.ChunkOffset, chunk.ChunkSize)
		if _, err := io.Copy(verifier, part); err != nil {
			return fmt.Errorf("%s at %d: %w", name, off, err)
		}
		if !verifier.Verified() {
			return fmt.Errorf("%s at %d: not the promised bytes", name, off)
		}
		off = chunk.ChunkOffset + chunk.ChunkSize
	}
	return nil
}

func verify(blob, toc string) error {
	r, err := openBlob(blob)
	if err != nil {
		return err
	}
	verifier, err := r.VerifyTOC(digest.Digest(toc))
	if err != nil {
		return err
	}
	root, ok := r.Lookup("")
	if !ok {
		return fmt.Errorf("no root")
	}
	files := 0
	err = walk("", root, func(name string, e *estargz.TOCEntry) error {
		if e.Type != "reg" || e.Size == 0 {
			return nil
		}
		files++
		return readFile(r, verifier, e.Name, e.Size) // a hard link is its target
	})
	if err == nil {
		fmt.Printf("%d files verified\n", files)
	}
	return err
}

func timeOpen(blob, toc string) error {
	begin := time.Now()
	r, err := openBlob(blob)
	if err != nil {
		return err
	}
	if _, err := r.VerifyTOC(digest.Digest(toc)); err != nil {
		return err
	}
	fmt.Println(time.Since(begin).Nanoseconds())
	return nil
}

func list(blob string) error {
	r, err := openBlob(blob)
	if err != nil {
		return err
	}
	root, ok := r.Lookup("")
	if !ok {
		return fmt.Errorf("no root")
	}
	out := json.NewEncoder(os.Stdout)
	return walk("", root, func(name string, e *estargz.TOCEntry) error {
		type line struct {
			Path  string            `json:"path"`
			Entry *estargz.TOCEntry `json:"entry"`
		}
		return out.Encode(line{name, e})
	})
}

func build(args []string) error {
	flags := flag.NewFlagSet("esgz build", flag.ExitOnError)
	level := flags.Int("level", 9, "gzip level")
	workers := flags.Int("workers", 2, "parallel parts; they change the output")
	chunk := flags.Int("chunk-size", 0, "bytes, 0: 4 MiB")
	minChunk := flags.Int("min-chunk-size", 0, "bytes")
	listFile := flags.String("prefetch-list", "", "paths to put first, one a line")
	if err := flags.Parse(args); err != nil {
		return err
	}
	in, err := os.Open(flags.Arg(0))
	if err != nil {
		return err
	}
	info, err := in.Stat()
	if err != nil {
		return err
	}
	options := []estargz.Option{
		estargz.WithCompressionLevel(*level), estargz.WithChunkSize(*chunk),
		estargz.WithMinChunkSize(*minChunk), estargz.WithParallelism(*workers),
	}
	if *listFile != "" {
		text, err := os.ReadFile(*listFile)
		if err != nil {
			return err
		}
		var missed []string
		options = append(options, estargz.WithPrioritizedFiles(strings.Fields(string(text))),
			estargz.WithAllowPrioritizeNotFound(&missed))
	}
	blob, err := estargz.Build(io.NewSectionReader(in, 0, info.Size()), options...)
	if err != nil {
		return err
	}
	defer blob.Close()
	out, err := os.Create(flags.Arg(1))
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, blob); err != nil {
		return err
	}
	fmt.Println(blob.TOCDigest(), blob.DiffID())
	return out.Close()
}

func run(args []string) error {
	switch {
	case len(args) == 3 && args[0] == "verify":
		return verify(args[1], args[2])
	case len(args) == 3 && args[0] == "open":
		return timeOpen(args[1], args[2])
	case len(args) == 2 && args[0] == "list":
		return list(args[1])
	case len(args) >= 3 && args[0] == "build":
		return build(args[1:])
	}
	return fmt.Errorf("usage: esgz verify|open BLOB TOC-DIGEST, list BLOB, build [FLAGS] TAR OUT")
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "esgz:", err)
		os.Exit(1)
	}
}
