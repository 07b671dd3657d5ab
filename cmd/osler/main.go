// Command osler is an electronic medical record in one program; see `osler --help`.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/door/console"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	p := &console.Program{Clock: clock.System{}, Out: os.Stdout, Err: os.Stderr}
	os.Exit(p.Run(ctx, os.Args[1:]))
}
