package host

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"tocsin/system/lab/control"
	"tocsin/system/lab/region"
)

// relayName is the socket by which the region reaches the harness.
const relayName = "host-relay.sock"

// LogName is the region's own log, below the folder "logs" of the state folder.
const LogName = "lab.log"

// Lab is a lab that this process started. It ends when this process does.
type Lab struct {
	state string
	lock  *os.File
	ended chan struct{}
	err   error // how the region ended; valid once ended is closed
	relay *relay
}

// Start checks the machine and starts a lab in the state folder. It returns
// once the region has been started; Status says when it is ready.
func Start(state string, ports Ports) (*Lab, error) {
	installed, err := inspect()
	if err != nil {
		return nil, err
	}
	held, err := lock(state)
	if err != nil {
		return nil, err
	}
	lab := &Lab{state: state, lock: held, ended: make(chan struct{})}
	if err := lab.start(installed, ports); err != nil {
		return nil, errors.Join(err, held.Close())
	}
	return lab, nil
}

func (l *Lab) start(installed installation, ports Ports) error {
	if err := clean(l.state); err != nil {
		return err
	}
	for folder, mode := range map[string]os.FileMode{"logs": 0o700, region.PodsFolder: 0o711} {
		if err := os.Mkdir(filepath.Join(l.state, folder), mode); err != nil {
			return fmt.Errorf("make state folder: %w", err)
		}
	}
	order := region.Order{
		State: l.state, Programs: installed.programs, PostgresBin: installed.postgresBin, SoftHSM: installed.softHSM,
		Issuer: url(ports.Public), Zones: ports.zones(), Prometheus: url(ports.Prometheus), Alertmanager: url(ports.Alertmanager),
		Doors: ports.doors(), Rootless: os.Geteuid() != 0,
		// As the region sees it.
		HostRelay: "/run/lab/" + relayName,
	}
	doors, err := listen(order.Doors)
	if err != nil {
		return err
	}
	defer closeAll(doors)
	socket, err := listenUnix(filepath.Join(l.state, control.SocketName))
	if err != nil {
		return err
	}
	defer closeAll([]*os.File{socket})
	if l.relay, err = openRelay(filepath.Join(l.state, relayName), "127.0.0.1:"+strconv.Itoa(ports.Harness)); err != nil {
		return err
	}
	if err := l.spawn(order, socket, doors); err != nil {
		return errors.Join(err, l.relay.close())
	}
	return nil
}

// spawn starts the region in namespaces of its own.
func (l *Lab) spawn(order region.Order, socket *os.File, doors []*os.File) error {
	text, err := order.Encode()
	if err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(l.state, "logs", LogName), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	defer closeAll([]*os.File{log})
	lifelineIn, lifelineOut, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("make lifeline: %w", err)
	}
	defer closeAll([]*os.File{lifelineIn})
	cmd := exec.Command("/proc/self/exe", region.Command, text)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"}
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = append([]*os.File{lifelineIn, socket}, doors...)
	cmd.SysProcAttr = namespaced(order.Rootless)
	started := make(chan error)
	go func() {
		// The kernel sends the death signal when the thread that started
		// the region ends: this one stays until the region has ended.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		l.err = cmd.Wait()
		l.err = errors.Join(l.err, lifelineOut.Close(), l.relay.close())
		close(l.ended)
	}()
	if err := <-started; err != nil {
		return errors.Join(fmt.Errorf("start region: %w", err), lifelineOut.Close())
	}
	return nil
}

// namespaced asks for namespaces that vanish with their first process, which
// dies with this one.
func namespaced(rootless bool) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS,
		Pdeathsig:  syscall.SIGKILL,
		Setsid:     true,
	}
	if rootless {
		attr.Cloneflags |= unix.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	return attr
}

// Wait returns when the lab has ended.
func (l *Lab) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-l.ended:
	}
	return errors.Join(l.err, l.lock.Close())
}

// Ended is closed when the lab has ended.
func (l *Lab) Ended() <-chan struct{} { return l.ended }

// Stop ends the lab and waits for it.
func (l *Lab) Stop(ctx context.Context) error {
	if err := control.Dial(filepath.Join(l.state, control.SocketName)).Shutdown(ctx); err != nil && !errors.Is(err, control.ErrNoLab) {
		return err
	}
	return l.Wait(ctx)
}

// Down ends a lab that another process started, and waits until it is gone.
func Down(ctx context.Context, state string) error {
	gone, err := free(state)
	if err != nil {
		return err
	}
	if gone {
		return control.ErrNoLab
	}
	if err := control.Dial(filepath.Join(state, control.SocketName)).Shutdown(ctx); err != nil {
		return err
	}
	for {
		gone, err := free(state)
		if err != nil || gone {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the lab to end: %w", ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func listenUnix(path string) (*os.File, error) {
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	listener.SetUnlinkOnClose(false)
	file, err := listener.File()
	if err := errors.Join(err, os.Chmod(path, 0o600), listener.Close()); err != nil {
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	return file, nil
}

// closeAll closes this process's copies of what the region has inherited.
// Nothing was written through them that a failed close could lose.
func closeAll(files []*os.File) {
	for _, file := range files {
		file.Close() //nolint:errcheck // see above
	}
}
