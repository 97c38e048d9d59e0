package region

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sync/errgroup"

	"tocsin/system/lab/fault"
	"tocsin/system/lab/netns"
	"tocsin/system/lab/topology"
)

// reachWithin bounds one attempt to reach a pod, and seenWithin the whole
// observation that a fault has come or gone.
const (
	reachWithin = 300 * time.Millisecond
	seenWithin  = 10 * time.Second
)

// actuator makes the region's faults.
type actuator struct{ region *Region }

// Inject breaks the targets and returns when all of them are seen to be broken.
func (a actuator) Inject(ctx context.Context, id string, spec fault.Spec, targets []topology.Pod) error {
	defer a.region.outdate()
	// A zone that loses power says no goodbyes: its network goes first, in the
	// same instant, so that no connection is closed in an orderly way.
	if spec.Kind == fault.Cut || (spec.Kind == fault.Kill && spec.WholeZone()) {
		if err := a.drop(spec, targets); err != nil {
			return err
		}
	}
	if err := each(ctx, targets, func(ctx context.Context, target topology.Pod) error {
		supervisor := a.region.nodes[target].supervisor
		switch spec.Kind {
		case fault.Kill:
			supervisor.Hold(id)
		case fault.Freeze:
			return supervisor.Freeze(ctx)
		}
		return nil
	}); err != nil {
		return err
	}
	return each(ctx, targets, func(ctx context.Context, target topology.Pod) error {
		return a.observeBroken(ctx, spec, target)
	})
}

// Revert mends the targets and returns when all of them are seen to be mended:
// the wire works, or the processes run. When the component is ready again is for
// others to find out.
func (a actuator) Revert(ctx context.Context, id string, spec fault.Spec, targets []topology.Pod) error {
	defer a.region.outdate()
	if err := a.pass(spec, targets); err != nil {
		return err
	}
	return each(ctx, targets, func(ctx context.Context, target topology.Pod) error {
		supervisor := a.region.nodes[target].supervisor
		switch spec.Kind {
		case fault.Kill:
			return supervisor.Release(ctx, id)
		case fault.Freeze:
			return supervisor.Thaw(ctx)
		default:
			return a.observeReachable(ctx, target)
		}
	})
}

// drop cuts the wires of a fault: the zone's own uplink, or that of each pod.
func (a actuator) drop(spec fault.Spec, targets []topology.Pod) error {
	for _, cut := range a.cuts(spec, targets) {
		if err := cut.router.Drop(cut.prefix); err != nil {
			return err
		}
	}
	return nil
}

func (a actuator) pass(spec fault.Spec, targets []topology.Pod) error {
	if spec.Kind == fault.Freeze {
		return nil
	}
	for _, cut := range a.cuts(spec, targets) {
		if err := cut.router.Pass(cut.prefix); err != nil {
			return err
		}
	}
	return nil
}

// cut is one range that one router drops.
type cut struct {
	router *netns.Namespace
	prefix netip.Prefix
}

func (a actuator) cuts(spec fault.Spec, targets []topology.Pod) []cut {
	if spec.WholeZone() {
		return []cut{{a.region.wires.region, topology.Prefix(spec.Zone)}}
	}
	var all []cut
	for _, target := range targets {
		addr := target.Addr()
		all = append(all, cut{a.region.wires.above(target), netip.PrefixFrom(addr, addr.BitLen())})
	}
	return all
}

func (a actuator) observeBroken(ctx context.Context, spec fault.Spec, target topology.Pod) error {
	return eventually(ctx, func(ctx context.Context) error {
		status := a.region.nodes[target].supervisor.Status()
		switch spec.Kind {
		case fault.Freeze:
			if !status.Frozen {
				return fmt.Errorf("%s is not frozen", target)
			}
			return nil
		case fault.Kill:
			if status.Running {
				return fmt.Errorf("%s still runs as process %d", target, status.PID)
			}
		}
		if reach(ctx, target) == nil {
			return fmt.Errorf("%s can still be reached at %s", target, target.At(target.Port()))
		}
		return nil
	})
}

// observeReachable waits for the wire: a refused connection proves it as well
// as an accepted one.
func (a actuator) observeReachable(ctx context.Context, target topology.Pod) error {
	if !a.region.nodes[target].supervisor.Status().Running {
		return nil
	}
	return eventually(ctx, func(ctx context.Context) error { return reach(ctx, target) })
}

// reach opens a connection to the pod from the region's router.
func reach(ctx context.Context, target topology.Pod) error {
	dialer := net.Dialer{Timeout: reachWithin}
	connection, err := dialer.DialContext(ctx, "tcp", target.At(target.Port()))
	if err != nil {
		return fmt.Errorf("reach %s: %w", target, err)
	}
	return connection.Close()
}

// eventually repeats try until it succeeds, and returns its last error when it
// does not in time.
func eventually(ctx context.Context, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, seenWithin)
	defer cancel()
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// each does the same to all targets at once.
func each(ctx context.Context, targets []topology.Pod, do func(context.Context, topology.Pod) error) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, target := range targets {
		group.Go(func() error { return do(ctx, target) })
	}
	return group.Wait()
}
