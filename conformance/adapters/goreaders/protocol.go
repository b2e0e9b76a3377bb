// SPDX-License-Identifier: MIT

package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

const (
	lineMax   = 16 << 20 // bytes of a request
	detailMax = 400      // bytes of an error that an answer repeats
)

var exits = map[string]int{"accept": 0, "reject": 1, "unsupported": 2, "error": 3}

// A request is docs/PROTOCOL.md's: In is the first input.
type request struct {
	Seq    *json.Number      `json:"seq"`
	Op     string            `json:"op"`
	Format string            `json:"format"`
	In     string            `json:"in"`
	Args   map[string]string `json:"args"`
}

type answer struct {
	Outcome string `json:"outcome"`
	Detail  string `json:"detail,omitempty"`
	Tree    string `json:"tree_sha256,omitempty"`
	Plain   string `json:"plain_sha256,omitempty"`
}

// A served answer repeats the question's number.
type served struct {
	Seq *json.Number `json:"seq"`
	answer
}

// errUnsupported is of what a reader cannot be asked.
var errUnsupported = errors.New("cannot be asked")

// errBroken is of what is the adapter's own fault.
var errBroken = errors.New("adapter")

func (r reader) hello() map[string]any {
	version := runtime.Version()
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == r.module {
				version = m.Version
			}
		}
	}
	return map[string]any{
		"protocol": 1,
		"impl":     map[string]string{"name": r.name, "version": version, "home": r.home},
		"formats":  r.formats, "ops": []string{"verify"}, "features": r.features,
		"policies": r.policies, "tree": r.tree, "phases": false,
	}
}

// claims holds what a descriptor says of the input against it: the readers here never hear of it.
func claims(q request) error {
	data, err := os.ReadFile(q.In)
	if err != nil {
		return fmt.Errorf("%w: %w", errBroken, err)
	}
	sum := sha256.Sum256(data)
	for name, really := range map[string]string{
		"digest": "sha256:" + hex.EncodeToString(sum[:]), "size": strconv.Itoa(len(data)),
	} {
		if claim, ok := q.Args[name]; ok && claim != really {
			return fmt.Errorf("%w: another %s is claimed", errUnsupported, name)
		}
	}
	return nil
}

// ask is the members of a yes.
func (r reader) ask(q request) (answer, error) {
	var a answer
	if q.Op != "verify" || !slices.Contains(r.formats, q.Format) {
		return a, fmt.Errorf("%w: no %s of %s", errUnsupported, q.Op, q.Format)
	}
	if err := claims(q); err != nil {
		return a, err
	}
	t, err := r.read(q)
	if err != nil {
		return a, err
	}
	a.Outcome, a.Plain = "accept", t.plain
	if a.Plain != "" {
		return a, nil
	}
	text := []byte(t.text())
	sum := sha256.Sum256(text)
	a.Tree = hex.EncodeToString(sum[:])
	if out, ok := q.Args["out"]; ok {
		if err := os.WriteFile(out, text, 0o644); err != nil {
			return a, fmt.Errorf("%w: %w", errBroken, err)
		}
	}
	return a, nil
}

func (r reader) answer(q request) answer {
	yes, err := r.ask(q)
	if err == nil {
		return yes
	}
	text := strings.Join(strings.Fields(err.Error()), " ")
	a := answer{Outcome: "reject", Detail: strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text[:min(len(text), detailMax)])}
	switch {
	case errors.Is(err, errUnsupported):
		a.Outcome = "unsupported"
	case errors.Is(err, errBroken):
		a.Outcome = "error"
	}
	return a
}

func say(w io.Writer, document any) {
	if err := json.NewEncoder(w).Encode(document); err != nil {
		fmt.Fprintln(os.Stderr, "goreaders:", err)
		os.Exit(exits["error"])
	}
}

// readLine reads a whole line; one that is too long comes as nil.
func readLine(in *bufio.Reader) ([]byte, error) {
	var line []byte
	for long := false; ; {
		part, err := in.ReadSlice('\n')
		if long = long || len(line)+len(part) > lineMax; !long {
			line = append(line, part...)
		}
		if err == bufio.ErrBufferFull {
			continue
		}
		if long {
			line = nil
		}
		return line, err
	}
}

// serve answers JSON lines until there are no more.
func (r reader) serve(in io.Reader, out io.Writer) int {
	lines := bufio.NewReader(in)
	for {
		line, err := readLine(lines)
		if err == io.EOF && len(line) == 0 {
			return 0
		}
		var q request
		if json.Unmarshal(line, &q) != nil || q.Seq == nil {
			say(out, served{nil, answer{Outcome: "error", Detail: "no question"}})
		} else {
			say(out, served{q.Seq, r.answer(q)})
		}
		if err != nil {
			return 0
		}
	}
}

// parse reads VERB --NAME=VALUE...
func parse(words []string) (request, error) {
	q := request{Op: words[0], Args: map[string]string{}}
	for _, word := range words[1:] {
		name, value, ok := strings.Cut(strings.TrimPrefix(word, "--"), "=")
		if !ok {
			return q, fmt.Errorf("%q is no --NAME=VALUE", word)
		}
		switch name {
		case "in":
			q.In = value
		case "format":
			q.Format = value
		default:
			q.Args[name] = value
		}
	}
	return q, nil
}

// speak does what the command line says; the exit status.
func speak(r reader, words []string) int {
	switch words[0] {
	case "hello":
		say(os.Stdout, r.hello())
		return 0
	case "serve":
		return r.serve(os.Stdin, os.Stdout)
	}
	q, err := parse(words)
	if err != nil {
		fmt.Fprintln(os.Stderr, "goreaders:", err)
		return exits["error"]
	}
	a := r.answer(q)
	say(os.Stdout, a)
	return exits[a.Outcome]
}
