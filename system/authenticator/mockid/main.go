package mockid

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"tocsin/system/authenticator/plugin"
	"tocsin/system/internal/trace"
)

// Main runs the plug-in with the command line "--config FILE --socket PATH"
// until ctx or standard input ends. It logs JSON lines to out.
func Main(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("mock-id", flag.ContinueOnError)
	flags.SetOutput(out)
	file := flags.String("config", "", "configuration file (YAML)")
	socket := flags.String("socket", "", "Unix socket to answer the provider on")
	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("mock-id: %w", err)
	}
	if *file == "" || *socket == "" || flags.NArg() > 0 {
		return errors.New("mock-id: --config and --socket are needed, and nothing else")
	}
	config, err := LoadConfig(*file)
	if err != nil {
		return err
	}
	ctx, stop := plugin.WhileOpen(ctx, os.Stdin)
	defer stop()
	return run(ctx, config, *socket, out)
}

func run(ctx context.Context, config *Config, socket string, out io.Writer) error {
	log := trace.NewLogger(out, Name, "")
	letters := newOutbox(config, log, time.Now)
	system, err := load(config, letters, time.Now)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	var background sync.WaitGroup
	defer background.Wait()
	defer stop() // also when the socket cannot be had
	background.Go(func() { letters.run(ctx) })
	return plugin.Serve(ctx, socket, plugin.Info{Name: Name, Factors: factors()}, system, log)
}
