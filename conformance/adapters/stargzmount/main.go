// SPDX-License-Identifier: MIT

// Stargzmount serves one eStargz layer out of a file, through the file system of
// stargz-snapshotter, until it gets a signal.
//
//	stargzmount BLOB MOUNTPOINT CACHE [TOC-DIGEST]
//	stargzmount -version
//
// Without a digest nothing is verified, as the snapshotter does when it is told to skip it.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/containerd/containerd/v2/pkg/reference"
	"github.com/containerd/stargz-snapshotter/fs/config"
	"github.com/containerd/stargz-snapshotter/fs/layer"
	"github.com/containerd/stargz-snapshotter/fs/remote"
	"github.com/containerd/stargz-snapshotter/metadata/memory"
	"github.com/containerd/stargz-snapshotter/task"
	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// A blob is a layer in a file: the registry, as far as the snapshotter sees it.
type blob struct {
	file *os.File
	size int64
}

func (b blob) Handle(context.Context, ocispec.Descriptor) (remote.Fetcher, int64, error) {
	return b, b.size, nil
}

func (b blob) Fetch(_ context.Context, off, size int64) (io.ReadCloser, error) {
	return io.NopCloser(io.NewSectionReader(b.file, off, size)), nil
}

func (b blob) Check() error { return nil }

func (b blob) GenID(off, size int64) string { return fmt.Sprintf("%d-%d", off, size) }

// open resolves the layer and verifies its TOC.
func open(path, cache string, toc []string) (layer.Layer, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	name, err := digest.FromReader(f)
	if err != nil {
		return nil, err
	}
	b := blob{f, info.Size()}
	c := config.Config{NoPrefetch: true, NoBackgroundFetch: true, NoPrometheus: true}
	r, err := layer.NewResolver(cache, task.NewBackgroundTaskManager(1, 0), c,
		map[string]remote.Handler{"file": b}, memory.NewReader, layer.OverlayOpaqueAll, nil)
	if err != nil {
		return nil, err
	}
	l, err := r.Resolve(context.Background(), nil, reference.Spec{Locator: "file/layer"},
		ocispec.Descriptor{Digest: name, Size: b.size})
	if err != nil {
		return nil, err
	}
	if len(toc) == 0 {
		l.SkipVerify()
		return l, nil
	}
	return l, l.Verify(digest.Digest(toc[0]))
}

// serve mounts the layer as the snapshotter does, and unmounts it on a signal.
func serve(l layer.Layer, at string) error {
	root, err := l.RootNode(0)
	if err != nil {
		return err
	}
	server, err := fuse.NewServer(fusefs.NewNodeFS(root, &fusefs.Options{NullPermissions: true}),
		at, &fuse.MountOptions{FsName: "stargz", DirectMount: true})
	if err != nil {
		return err
	}
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		<-ended
		os.Exit(0)
	}()
	server.Serve()
	return nil
}

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == "github.com/containerd/stargz-snapshotter" {
				return m.Version
			}
		}
	}
	return "unknown"
}

func run(args []string) error {
	if len(args) == 1 && args[0] == "-version" {
		fmt.Println(version())
		return nil
	}
	if len(args) != 3 && len(args) != 4 {
		return fmt.Errorf("usage: stargzmount BLOB MOUNTPOINT CACHE [TOC-DIGEST]")
	}
	l, err := open(args[0], args[2], args[3:])
	if err != nil {
		return err
	}
	return serve(l, args[1])
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "stargzmount:", err)
		os.Exit(1)
	}
}
