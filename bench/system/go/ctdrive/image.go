// SPDX-License-Identifier: MIT

package main

import (
	"context"
	"os"
	"strings"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/images/converter"
	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/containerd/v2/pkg/snapshotters"
	"github.com/containerd/platforms"
	"github.com/containerd/stargz-snapshotter/estargz"
	"github.com/containerd/stargz-snapshotter/fs/source"
	esgz "github.com/containerd/stargz-snapshotter/nativeconverter/estargz"
	"github.com/opencontainers/image-spec/identity"
)

const labelPrefetchBytes = 10 << 20 // as ctr-remote sets it for images without landmarks

// lazyLabels tell a snapshotter which image and layer a snapshot is of, in the words it knows.
func lazyLabels(snapshotter, ref string) func(images.Handler) images.Handler {
	if snapshotter == "nydus" {
		return snapshotters.AppendInfoHandlerWrapper(ref)
	}
	return source.AppendDefaultLabelsHandlerWrapper(ref, labelPrefetchBytes)
}

func pull(ctx context.Context, client *containerd.Client, o *options, ref string,
	e events) (containerd.Image, error) {
	opts := []containerd.RemoteOpt{
		containerd.WithResolver(resolver()),
		containerd.WithPullUnpack,
		containerd.WithPullSnapshotter(o.snapshotter),
	}
	if o.lazy {
		opts = append(opts, containerd.WithImageHandlerWrapper(lazyLabels(o.snapshotter, ref)))
	}
	e.stamp("request")
	image, err := client.Pull(ctx, ref, opts...)
	e.stamp("rootfs")
	return image, err
}

// mountImage shows the merged tree of ref at dir, read-only; it stays when the process ends.
func mountImage(ctx context.Context, client *containerd.Client, o *options, ref, dir string,
	e events) error {
	image, err := pull(ctx, client, o, ref, e)
	if err != nil {
		return err
	}
	layers, err := image.RootFS(ctx)
	if err != nil {
		return err
	}
	chain := identity.ChainID(layers).String()
	mounts, err := client.SnapshotService(o.snapshotter).View(ctx, "view-"+dir, chain)
	if err != nil {
		return err
	}
	return mount.All(mounts, dir)
}

func convert(ctx context.Context, client *containerd.Client, o *options, from, to string,
	e events) error {
	image, err := client.GetImage(ctx, from)
	if err != nil {
		if image, err = fetch(ctx, client, from); err != nil {
			return err
		}
	}
	opts := []estargz.Option{
		estargz.WithCompressionLevel(o.level), estargz.WithParallelism(o.workers),
	}
	if o.list != "" {
		text, err := os.ReadFile(o.list)
		if err != nil {
			return err
		}
		var missed []string
		opts = append(opts, estargz.WithPrioritizedFiles(strings.Fields(string(text))),
			estargz.WithAllowPrioritizeNotFound(&missed))
	}
	e.stamp("convert")
	_, err = converter.Convert(ctx, client, to, image.Name(),
		converter.WithLayerConvertFunc(esgz.LayerConvertFunc(opts...)),
		converter.WithPlatform(platforms.DefaultStrict()),
		converter.WithDockerToOCI(true))
	e.stamp("converted")
	return err
}

// fetch brings all blobs of ref into the content store and unpacks nothing.
func fetch(ctx context.Context, client *containerd.Client, ref string) (containerd.Image, error) {
	found, err := client.Fetch(ctx, ref, containerd.WithResolver(resolver()))
	if err != nil {
		return nil, err
	}
	return containerd.NewImage(client, found), nil
}

func push(ctx context.Context, client *containerd.Client, ref string, e events) error {
	image, err := client.GetImage(ctx, ref)
	if err != nil {
		return err
	}
	e.stamp("push")
	err = client.Push(ctx, ref, image.Target(), containerd.WithResolver(resolver()))
	e.stamp("pushed")
	return err
}
