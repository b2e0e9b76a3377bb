// SPDX-License-Identifier: MIT

package main

import (
	"encoding/base64"
	"fmt"
	"math/big"
	"sort"
	"strings"
	"time"
)

// A node is what one or more paths name.
type node struct {
	kind         string // as in the canonical tree
	mode         int64
	uid, gid     int64
	size         int64
	time         time.Time
	major, minor int64
	target       string
	xattrs       map[string]string
	digest       string // hex
	opaque       bool
}

func directory() *node { return &node{kind: "dir", mode: 0o755} }

// A tree is nodes by path without slashes around it; "" is the root.
type tree struct {
	at    map[string]*node
	plain string // instead of nodes: SHA-256 of a stream's plain bytes
}

func newTree() *tree { return &tree{at: map[string]*node{"": directory()}} }

// quote is s as a JSON string, what is not plain ASCII as %XX.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range []byte(s) {
		if c < ' ' || c > '~' || c == '"' || c == '\\' || c == '%' {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// nanoseconds of a time may have more than 64 bits.
func nanoseconds(t time.Time) string {
	if t.IsZero() {
		return "0"
	}
	n := new(big.Int).Mul(big.NewInt(t.Unix()), big.NewInt(1e9))
	return n.Add(n, big.NewInt(int64(t.Nanosecond()))).String()
}

// kept tells whether an xattr belongs to the tree.
func kept(name string) bool {
	for _, own := range []string{"trusted.overlay.", "user.overlay."} {
		if strings.HasPrefix(name, own) {
			return false
		}
	}
	for _, class := range []string{"user.", "trusted.", "security."} {
		if strings.HasPrefix(name, class) {
			return true
		}
	}
	return name == "system.posix_acl_access" || name == "system.posix_acl_default"
}

func (n *node) xattrText() string {
	var items []string
	for name, value := range n.xattrs {
		if !kept(name) {
			continue
		}
		items = append(items, quote(name)+`:"`+base64.StdEncoding.EncodeToString([]byte(value))+`"`)
	}
	if items == nil {
		return ""
	}
	sort.Strings(items)
	return `,"x":{` + strings.Join(items, ",") + "}"
}

// line is a node's line under path; first is the path of its first name.
func (n *node) line(path, first string) string {
	if n.kind == "whiteout" {
		return fmt.Sprintf(`{"p":%s,"t":"whiteout"}`, quote(path))
	}
	mode := n.mode & 0o7777
	if n.kind == "symlink" {
		mode = 0o777
	}
	s := fmt.Sprintf(`{"p":%s,"t":"%s","m":%d,"u":%d,"g":%d`, quote(path), n.kind, mode, n.uid,
		n.gid)
	if n.kind == "reg" {
		s += fmt.Sprintf(`,"s":%d`, n.size)
	}
	s += `,"mt":` + nanoseconds(n.time)
	if n.kind == "char" || n.kind == "block" {
		s += fmt.Sprintf(`,"dev":"%d:%d"`, n.major, n.minor)
	}
	if first != path {
		s += `,"hl":` + quote(first)
	}
	if n.kind == "symlink" {
		s += `,"l":` + quote(n.target)
	}
	s += n.xattrText()
	if n.opaque {
		s += `,"o":true`
	}
	if n.kind == "reg" && first == path {
		s += `,"d":"sha256:` + n.digest + `"`
	}
	return s + "}"
}

// text is the canonical tree.
func (t *tree) text() string {
	paths := make([]string, 0, len(t.at))
	for path := range t.at {
		paths = append(paths, path)
	}
	sort.Strings(paths)
	var b strings.Builder
	first := map[*node]string{}
	for _, path := range paths {
		n := t.at[path]
		if _, ok := first[n]; !ok {
			first[n] = path
		}
		b.WriteString(n.line(path, first[n]) + "\n")
	}
	return b.String()
}
