// SPDX-License-Identifier: MIT

// Ctdrive drives containerd through its Go client, one image a call, and prints one JSON line
// with the monotonic nanosecond of each phase (the clock of lazybench).
//
//	ctdrive -address SOCK [FLAGS] run REF COMMAND [ARG...]    pull, create, run, delete
//	ctdrive -address SOCK [FLAGS] pull REF                    pull and unpack or mount lazily
//	ctdrive -address SOCK [FLAGS] mount REF DIR               pull, then mount a view at DIR
//	ctdrive -address SOCK [FLAGS] convert REF NEW-REF         to eStargz, by the Go library
//	ctdrive -address SOCK [FLAGS] push REF
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/containerd/v2/core/remotes/docker"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"golang.org/x/sys/unix"
)

type options struct {
	address, snapshotter, want, list string
	lazy                             bool
	level, workers                   int
}

// events are phases and their CLOCK_MONOTONIC time.
type events map[string]int64

func (e events) stamp(phase string) {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err == nil {
		e[phase] = now.Nano()
	}
}

func resolver() remotes.Resolver {
	hosts := docker.ConfigureDefaultRegistries(docker.WithPlainHTTP(docker.MatchLocalhost))
	return docker.NewResolver(docker.ResolverOptions{Hosts: hosts})
}

func dispatch(ctx context.Context, client *containerd.Client, o *options, args []string,
	e events) error {
	switch {
	case len(args) >= 3 && args[0] == "run":
		return runImage(ctx, client, o, args[1], args[2:], e)
	case len(args) == 2 && args[0] == "pull":
		_, err := pull(ctx, client, o, args[1], e)
		return err
	case len(args) == 3 && args[0] == "mount":
		return mountImage(ctx, client, o, args[1], args[2], e)
	case len(args) == 3 && args[0] == "convert":
		return convert(ctx, client, o, args[1], args[2], e)
	case len(args) == 2 && args[0] == "push":
		return push(ctx, client, args[1], e)
	}
	return errors.New("usage: ctdrive -address SOCK [FLAGS] run|pull|mount|convert|push ...")
}

func run() error {
	var o options
	flag.StringVar(&o.address, "address", "", "containerd's socket")
	flag.StringVar(&o.snapshotter, "snapshotter", "overlayfs", "overlayfs, stargz or nydus")
	flag.BoolVar(&o.lazy, "lazy", false, "hand the snapshotter the labels that lazy pulling needs")
	flag.StringVar(&o.want, "want", "", "what the first line of output begins with")
	flag.IntVar(&o.level, "level", 9, "convert: gzip level")
	flag.IntVar(&o.workers, "workers", 2, "convert: parallel parts of a layer")
	flag.StringVar(&o.list, "prefetch-list", "", "convert: paths to put first, one a line")
	flag.Parse()
	client, err := containerd.New(o.address, containerd.WithDefaultNamespace("lazybench"))
	if err != nil {
		return err
	}
	defer client.Close()
	ctx := namespaces.WithNamespace(context.Background(), "lazybench")
	e := events{}
	if err := dispatch(ctx, client, &o, flag.Args(), e); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]events{"ns": e})
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "ctdrive:", err)
		os.Exit(1)
	}
}
