// SPDX-License-Identifier: MIT

package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/pkg/cio"
	"github.com/containerd/containerd/v2/pkg/oci"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// firstOutput stamps "output" at the first byte and keeps what came.
type firstOutput struct {
	e    events
	once sync.Once
	mu   sync.Mutex
	text strings.Builder
}

func (f *firstOutput) Write(p []byte) (int, error) {
	f.once.Do(func() { f.e.stamp("output") })
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.text.Write(p)
}

func (f *firstOutput) begins(want string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !strings.HasPrefix(f.text.String(), want) {
		return fmt.Errorf("output %q does not begin with %q", f.text.String(), want)
	}
	return nil
}

func runImage(ctx context.Context, client *containerd.Client, o *options, ref string,
	args []string, e events) error {
	image, err := pull(ctx, client, o, ref, e)
	if err != nil {
		return err
	}
	name := fmt.Sprintf("ctdrive-%d", os.Getpid())
	container, err := client.NewContainer(ctx, name,
		containerd.WithImage(image),
		containerd.WithSnapshotter(o.snapshotter),
		containerd.WithNewSnapshot(name, image),
		containerd.WithNewSpec(oci.WithImageConfig(image), oci.WithProcessArgs(args...),
			oci.WithHostNamespace(specs.NetworkNamespace)))
	if err != nil {
		return err
	}
	defer container.Delete(ctx, containerd.WithSnapshotCleanup)
	e.stamp("bundle")
	return runTask(ctx, container, o, e)
}

func runTask(ctx context.Context, container containerd.Container, o *options, e events) error {
	out := &firstOutput{e: e}
	task, err := container.NewTask(ctx, cio.NewCreator(cio.WithStreams(nil, out, os.Stderr)))
	if err != nil {
		return err
	}
	defer task.Delete(ctx, containerd.WithProcessKill)
	e.stamp("created")
	exited, err := task.Wait(ctx)
	if err != nil {
		return err
	}
	if err := task.Start(ctx); err != nil {
		return err
	}
	e.stamp("started")
	status := <-exited
	e.stamp("exited")
	task.IO().Wait()
	if code := status.ExitCode(); code != 0 {
		return fmt.Errorf("exit status %d", code)
	}
	return out.begins(o.want)
}
