// SPDX-License-Identifier: MIT

// Stargzd serves stargz-snapshotter's own snapshot service on a unix socket, as the daemon of
// that project does: the peer that lazypull is measured beside.
//
//	stargzd -address SOCKET -root DIR [-config FILE.toml]
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/BurntSushi/toml"
	snapshotsapi "github.com/containerd/containerd/api/services/snapshots/v1"
	"github.com/containerd/containerd/v2/contrib/snapshotservice"
	"github.com/containerd/log"
	stargzfs "github.com/containerd/stargz-snapshotter/fs"
	memorymetadata "github.com/containerd/stargz-snapshotter/metadata/memory"
	"github.com/containerd/stargz-snapshotter/service"
	"github.com/containerd/stargz-snapshotter/service/keychain/dockerconfig"
	"google.golang.org/grpc"
)

func run(ctx context.Context, address, root, config string) error {
	var c service.Config
	if config != "" {
		if _, err := toml.DecodeFile(config, &c); err != nil {
			return err
		}
	}
	snapshotter, err := service.NewStargzSnapshotterService(ctx, root, &c,
		service.WithCredsFuncs(dockerconfig.NewDockerconfigKeychain(ctx)),
		service.WithFilesystemOptions(stargzfs.WithMetadataStore(memorymetadata.NewReader)))
	if err != nil {
		return err
	}
	defer snapshotter.Close()
	server := grpc.NewServer()
	snapshotsapi.RegisterSnapshotsServer(server, snapshotservice.FromSnapshotter(snapshotter))
	if err := os.RemoveAll(address); err != nil {
		return err
	}
	listener, err := net.Listen("unix", address)
	if err != nil {
		return err
	}
	go func() {
		<-ctx.Done()
		server.Stop()
	}()
	return server.Serve(listener)
}

func main() {
	address := flag.String("address", "", "unix socket")
	root := flag.String("root", "", "absolute directory for snapshots and caches")
	config := flag.String("config", "", "TOML file, as containerd-stargz-grpc reads it")
	level := flag.String("log-level", "info", "debug shows prepared remote snapshots")
	flag.Parse()
	if err := log.SetLevel(*level); err != nil {
		fmt.Fprintln(os.Stderr, "stargzd:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx, *address, *root, *config); err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, "stargzd:", err)
		os.Exit(1)
	}
}
