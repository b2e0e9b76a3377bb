// SPDX-License-Identifier: MIT

package main

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"
	"path"
	"strings"

	"github.com/klauspost/compress/zstd"
)

const xattrRecord = "SCHILY.xattr."

var kinds = map[byte]string{
	tar.TypeReg: "reg", tar.TypeDir: "dir", tar.TypeSymlink: "symlink", tar.TypeChar: "char",
	tar.TypeBlock: "block", tar.TypeFifo: "fifo", tar.TypeCont: "reg", tar.TypeGNUSparse: "reg",
}

// decompress looks at the first bytes.
func decompress(in io.Reader) (io.Reader, error) {
	b := bufio.NewReader(in)
	magic, _ := b.Peek(4)
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		return gzip.NewReader(b)
	case bytes.Equal(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}),
		bytes.Equal(magic, []byte{0x50, 0x2a, 0x4d, 0x18}):
		return zstd.NewReader(b, zstd.WithDecoderConcurrency(1))
	}
	return b, nil
}

// clean is a name below the root, as containerd resolves it.
func clean(name string) string { return strings.TrimPrefix(path.Clean("/"+name), "/") }

// parents makes the directories above name.
func (t *tree) parents(name string) error {
	for i, c := range name {
		if c != '/' {
			continue
		}
		if n, ok := t.at[name[:i]]; !ok {
			t.at[name[:i]] = directory()
		} else if n.kind != "dir" {
			return fmt.Errorf("%s: below what is no directory", name)
		}
	}
	return nil
}

// remove takes name away with all that is below it.
func (t *tree) remove(name string) {
	for p := range t.at {
		if p == name || strings.HasPrefix(p, name+"/") {
			delete(t.at, p)
		}
	}
}

// put lays a node at name: a directory over a directory keeps its children.
func (t *tree) put(name string, n *node) error {
	if name == "" && n.kind != "dir" {
		return fmt.Errorf("the root is a %s", n.kind)
	}
	if err := t.parents(name); err != nil {
		return err
	}
	if old, ok := t.at[name]; ok && (old.kind != "dir" || n.kind != "dir") {
		t.remove(name)
	}
	t.at[name] = n
	return nil
}

func (t *tree) link(name, target string) error {
	n, ok := t.at[target]
	if !ok || n.kind == "dir" {
		return fmt.Errorf("%s: a hard link to %q, which is no file", name, target)
	}
	if name == target {
		return nil
	}
	return t.put(name, n)
}

func (t *tree) add(h *tar.Header, body io.Reader) error {
	name := clean(h.Name)
	if h.Typeflag == tar.TypeXGlobalHeader {
		return nil
	}
	if h.Typeflag == tar.TypeLink {
		return t.link(name, clean(h.Linkname))
	}
	kind, ok := kinds[h.Typeflag]
	if !ok {
		return fmt.Errorf("%s: type %q", name, h.Typeflag)
	}
	n := &node{
		kind: kind, mode: h.Mode, uid: int64(h.Uid), gid: int64(h.Gid), time: h.ModTime,
		major: h.Devmajor, minor: h.Devminor, target: h.Linkname, xattrs: map[string]string{},
	}
	for key, value := range h.PAXRecords {
		if rest, ok := strings.CutPrefix(key, xattrRecord); ok {
			n.xattrs[rest] = value
		}
	}
	if kind == "reg" {
		sum := sha256.New()
		size, err := io.Copy(sum, body)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		n.size, n.digest = size, hex.EncodeToString(sum.Sum(nil))
	}
	return t.put(name, n)
}

// A plain is a decompressed input, whose digest is taken while it is read.
type plain struct {
	io.Reader
	file *os.File
	sum  hash.Hash
}

func openPlain(path string) (*plain, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errBroken, err)
	}
	in, err := decompress(f)
	if err != nil {
		f.Close()
		return nil, err
	}
	sum := sha256.New()
	return &plain{io.TeeReader(in, sum), f, sum}, nil
}

// finish reads the rest, padding and checksums of the compression included.
func (p *plain) finish(q request) error {
	if _, err := io.Copy(io.Discard, p); err != nil {
		return err
	}
	got := "sha256:" + hex.EncodeToString(p.sum.Sum(nil))
	if want, ok := q.Args["diff_id"]; ok && want != got {
		return fmt.Errorf("%w: another diff_id is claimed", errUnsupported)
	}
	return nil
}

func readStream(q request) (*tree, error) {
	p, err := openPlain(q.In)
	if err != nil {
		return nil, err
	}
	defer p.file.Close()
	if err := p.finish(q); err != nil {
		return nil, err
	}
	return &tree{plain: hex.EncodeToString(p.sum.Sum(nil))}, nil
}

// readTar reads a layer to its end.
func readTar(q request) (*tree, error) {
	p, err := openPlain(q.In)
	if err != nil {
		return nil, err
	}
	defer p.file.Close()
	t, r := newTree(), tar.NewReader(p)
	for {
		h, err := r.Next()
		if err == io.EOF {
			return t, p.finish(q)
		}
		if err != nil {
			return nil, err
		}
		if err := t.add(h, r); err != nil {
			return nil, err
		}
	}
}
