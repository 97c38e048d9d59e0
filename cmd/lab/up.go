package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tocsin/system/lab/control"
	"tocsin/system/lab/host"
	"tocsin/system/lab/region"
)

// state adds the flag that names the lab's folder.
func stateFlag(cmd *cobra.Command) *string {
	return cmd.Flags().String("state", "", "folder of the lab's files (default $TOCSIN_LAB_STATE, else ~/.local/state/tocsin-lab)")
}

func stateDir(flag string) (string, error) {
	if flag != "" {
		return filepath.Abs(flag)
	}
	return host.DefaultState()
}

func dial(flag string) (*control.Client, error) {
	state, err := stateDir(flag)
	if err != nil {
		return nil, err
	}
	return control.Dial(filepath.Join(state, control.SocketName)), nil
}

func upCommand() *cobra.Command {
	ports := host.DefaultPorts()
	var detach bool
	var within time.Duration
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Start the lab and wait until people can log in",
		Long: `up starts three zones and returns when every part says that it is ready. With
--detach it leaves the lab running in the background; without, it stays in the
foreground and Ctrl-C ends the lab.

The lab writes the target file that the harness reads: lab target prints its name.`,
		Args: strict(cobra.NoArgs),
	}
	state := stateFlag(cmd)
	cmd.Flags().BoolVarP(&detach, "detach", "d", false, "leave the lab running in the background")
	cmd.Flags().DurationVar(&within, "within", 2*time.Minute, "give up when the lab is not ready in this time")
	cmd.Flags().IntVar(&ports.Public, "port", ports.Public, "port of the identity system on 127.0.0.1")
	cmd.Flags().IntVar(&ports.ZoneBase, "zone-port", ports.ZoneBase, "port of zone a's gateway; b and c follow")
	cmd.Flags().IntVar(&ports.Prometheus, "prometheus-port", ports.Prometheus, "port of Prometheus")
	cmd.Flags().IntVar(&ports.Alertmanager, "alertmanager-port", ports.Alertmanager, "port of Alertmanager")
	cmd.Flags().IntVar(&ports.Harness, "harness-port", ports.Harness, "port on 127.0.0.1 where the harness listens for alerts and scrapes")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		dir, err := stateDir(*state)
		if err != nil {
			return err
		}
		up := upRun{state: dir, within: within, out: cmd.OutOrStdout(), progress: cmd.ErrOrStderr(), started: time.Now()}
		if detach {
			return up.detached(cmd.Context(), cmd.Flags())
		}
		return up.foreground(cmd.Context(), ports)
	}
	return cmd
}

// upRun is one coming up of a lab.
type upRun struct {
	state         string
	within        time.Duration
	out, progress io.Writer
	started       time.Time
}

func (u upRun) foreground(ctx context.Context, ports host.Ports) error {
	lab, err := host.Start(u.state, ports)
	if err != nil {
		return err
	}
	err = u.awaitReady(ctx, lab.Ended())
	if err == nil {
		u.announce()
		select {
		case <-ctx.Done():
		case <-lab.Ended():
			return errors.Join(errors.New("the lab has ended"), lab.Wait(context.WithoutCancel(ctx)))
		}
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	return errors.Join(err, lab.Stop(ending))
}

// detached starts the same command again in a session of its own, and leaves it
// behind once the lab is ready.
func (u upRun) detached(ctx context.Context, flags *pflag.FlagSet) error {
	args := []string{"up"}
	flags.Visit(func(set *pflag.Flag) {
		if set.Name != "detach" {
			args = append(args, "--"+set.Name+"="+set.Value.String())
		}
	})
	said, err := os.CreateTemp("", "tocsin-lab-up-*.log")
	if err != nil {
		return fmt.Errorf("make log: %w", err)
	}
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Stdout, cmd.Stderr = said, said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start lab: %w", err)
	}
	ended := make(chan struct{})
	var exit error
	go func() {
		exit = cmd.Wait()
		close(ended)
	}()
	if err := u.awaitReady(ctx, ended); err != nil {
		if stopErr := cmd.Process.Signal(syscall.SIGTERM); stopErr == nil {
			<-ended
		}
		if text, readErr := os.ReadFile(said.Name()); readErr == nil && exit != nil {
			err = errors.New(lastWords(string(text), err))
		}
		return errors.Join(err, said.Close(), os.Remove(said.Name()))
	}
	u.announce()
	return errors.Join(said.Close(), os.Remove(said.Name()))
}

// lastWords is what the background process said of its end, or else.
func lastWords(said string, otherwise error) string {
	at := strings.LastIndex(said, "lab: ")
	if at < 0 {
		return otherwise.Error()
	}
	return strings.TrimSpace(said[at+len("lab: "):])
}

// awaitReady shows what is ready until everything is.
func (u upRun) awaitReady(ctx context.Context, ended <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, u.within)
	defer cancel()
	client := control.Dial(filepath.Join(u.state, control.SocketName))
	shown := map[string]bool{}
	for {
		status, err := client.Status(ctx)
		if err == nil {
			u.show(status, shown)
			if status.Failure != "" {
				return errors.New(status.Failure)
			}
			if status.Ready {
				return nil
			}
		}
		select {
		case <-ended:
			return fmt.Errorf("the lab ended while it came up; see %s", filepath.Join(u.state, "logs", host.LogName))
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return fmt.Errorf("not ready after %s: %s\nsee lab logs COMPONENT", u.within, unready(status))
			}
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (u upRun) show(status control.Status, shown map[string]bool) {
	for _, component := range status.Components {
		name := component.Component
		if component.Zone != "" {
			name = component.Zone + "/" + name
		}
		if component.Ready && !shown[name] {
			shown[name] = true
			fmt.Fprintf(u.progress, "%6.1fs  %2d/%d  %s %s\n", time.Since(u.started).Seconds(), len(shown), len(status.Components), name, component.Role)
		}
	}
}

func unready(status control.Status) string {
	var waiting []string
	for _, component := range status.Components {
		if !component.Ready {
			waiting = append(waiting, strings.TrimPrefix(component.Zone+"/"+component.Component, "/")+" ("+component.Reason+")")
		}
	}
	return strings.Join(waiting, ", ")
}

func (u upRun) announce() {
	fmt.Fprintf(u.out, "lab is up after %.1f s\ntarget file: %s\nPIN of person %s: see %s\n",
		time.Since(u.started).Seconds(), filepath.Join(u.state, region.TargetFile), region.ProbeAccount, filepath.Join(u.state, region.PINFile))
}

func downCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "down", Short: "End the lab", Args: strict(cobra.NoArgs)}
	state := stateFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		dir, err := stateDir(*state)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), 15*time.Second)
		defer cancel()
		started := time.Now()
		err = host.Down(ctx, dir)
		if errors.Is(err, control.ErrNoLab) {
			fmt.Fprintln(cmd.OutOrStdout(), "no lab is running")
			return nil
		}
		if err != nil {
			return err
		}
		fmt.Fprintf(cmd.OutOrStdout(), "lab is down after %.1f s\n", time.Since(started).Seconds())
		return nil
	}
	return cmd
}

func targetCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "target",
		Short: "Print the name of the target file that the harness reads",
		Args:  strict(cobra.NoArgs),
	}
	state := stateFlag(cmd)
	show := cmd.Flags().Bool("show", false, "print the file itself")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		dir, err := stateDir(*state)
		if err != nil {
			return err
		}
		path := filepath.Join(dir, region.TargetFile)
		text, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("no lab has been up: %w", err)
		}
		if *show {
			_, err = cmd.OutOrStdout().Write(text)
			return err
		}
		_, err = fmt.Fprintln(cmd.OutOrStdout(), path)
		return err
	}
	return cmd
}
