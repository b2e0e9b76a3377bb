// SPDX-License-Identifier: MIT

package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"
	"path"
	"strings"

	"github.com/containerd/stargz-snapshotter/estargz"
	"github.com/containerd/stargz-snapshotter/estargz/zstdchunked"
	digest "github.com/opencontainers/go-digest"
)

const (
	whiteout = ".wh."
	opaque   = ".wh..wh..opq"
)

// A blob is an open layer whose TOC was verified.
type blob struct {
	reader   *estargz.Reader
	verifier estargz.TOCEntryVerifier
	nodes    map[*estargz.TOCEntry]*node
	tree     *tree
}

func openBlob(f *os.File, q request) (*blob, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	var options []estargz.OpenOption
	if q.Format == "zstdchunked" {
		options = append(options, estargz.WithDecompressors(new(zstdchunked.Decompressor)))
	}
	r, err := estargz.Open(io.NewSectionReader(f, 0, info.Size()), options...)
	if err != nil {
		return nil, err
	}
	b := &blob{reader: r, nodes: map[*estargz.TOCEntry]*node{}, tree: newTree()}
	if toc, ok := q.Args["toc_digest"]; ok {
		b.verifier, err = r.VerifyTOC(digest.Digest(toc))
	} else {
		b.verifier, err = r.Verifiers()
	}
	return b, err
}

// copyChunk reads a chunk into its verifier and into sum.
func (b *blob) copyChunk(file io.ReaderAt, chunk *estargz.TOCEntry, sum hash.Hash) error {
	verifier, err := b.verifier.Verifier(chunk)
	if err != nil {
		return err
	}
	part := io.NewSectionReader(file, chunk.ChunkOffset, chunk.ChunkSize)
	if _, err := io.Copy(io.MultiWriter(verifier, sum), part); err != nil {
		return err
	}
	if !verifier.Verified() {
		return fmt.Errorf("not the promised bytes")
	}
	return nil
}

// readFile is the digest of a whole file, read chunk by chunk.
func (b *blob) readFile(name string, size int64) (string, error) {
	file, err := b.reader.OpenFile(name)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	for off := int64(0); off < size; {
		chunk, ok := b.reader.ChunkEntryForOffset(name, off)
		if !ok {
			return "", fmt.Errorf("no chunk at %d", off)
		}
		end := chunk.ChunkOffset + chunk.ChunkSize
		if chunk.ChunkOffset != off || end <= off {
			return "", fmt.Errorf("a chunk of [%d, %d) at %d", chunk.ChunkOffset, end, off)
		}
		if err := b.copyChunk(file, chunk, sum); err != nil {
			return "", fmt.Errorf("at %d: %w", off, err)
		}
		off = end
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

func (b *blob) newNode(e *estargz.TOCEntry) (*node, error) {
	n := &node{
		kind: e.Type, mode: e.Mode, uid: int64(e.UID), gid: int64(e.GID), size: e.Size,
		time: e.ModTime(), major: int64(e.DevMajor), minor: int64(e.DevMinor), target: e.LinkName,
		xattrs: map[string]string{},
	}
	for name, value := range e.Xattrs {
		n.xattrs[name] = string(value)
	}
	switch e.Type {
	case "dir", "symlink", "char", "block", "fifo":
		return n, nil
	case "reg":
		var err error
		n.digest, err = b.readFile(e.Name, e.Size)
		return n, err
	}
	return nil, fmt.Errorf("type %q", e.Type)
}

// hidden are the files that serve readers of the blob, not of the tree.
func hidden(name string) bool {
	return name == estargz.PrefetchLandmark || name == estargz.NoPrefetchLandmark ||
		name == estargz.TOCTarName
}

// add puts an entry at name into the tree; whiteouts are those of OCI layers.
func (b *blob) add(name string, e *estargz.TOCEntry) error {
	n, ok := b.nodes[e]
	if ok && e.Type == "dir" {
		return fmt.Errorf("%s: a directory with two names", name)
	}
	if !ok {
		var err error
		if n, err = b.newNode(e); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		b.nodes[e] = n
	}
	dir, base := path.Split(name)
	switch {
	case base == opaque:
		b.tree.at[strings.TrimSuffix(dir, "/")].opaque = true
	case strings.HasPrefix(base, whiteout):
		if at := dir + base[len(whiteout):]; b.tree.at[at] == nil {
			b.tree.at[at] = &node{kind: "whiteout"}
		}
	default:
		b.tree.at[name] = n
	}
	return nil
}

// walk adds the entry e at name with all that is below it.
func (b *blob) walk(name string, e *estargz.TOCEntry) error {
	if err := b.add(name, e); err != nil {
		return err
	}
	children := map[string]*estargz.TOCEntry{}
	e.ForeachChild(func(base string, child *estargz.TOCEntry) bool {
		children[base] = child
		return true
	})
	for base, child := range children {
		at := strings.TrimPrefix(name+"/"+base, "/")
		if hidden(at) {
			continue
		}
		if err := b.walk(at, child); err != nil {
			return err
		}
	}
	return nil
}

// readEstargz verifies the TOC and each chunk; the tree is that of the TOC.
func readEstargz(q request) (*tree, error) {
	f, err := os.Open(q.In)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errBroken, err)
	}
	defer f.Close()
	b, err := openBlob(f, q)
	if err != nil {
		return nil, err
	}
	root, ok := b.reader.Lookup("")
	if !ok {
		return nil, fmt.Errorf("no root")
	}
	return b.tree, b.walk("", root)
}
