package etcd

import (
	"context"
	"errors"
	"fmt"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

const (
	// askEvery is how often a member that has nothing to say is asked whether
	// it is there, and silence how long it may take: a frozen member keeps its
	// connections and says nothing.
	askEvery = 500 * time.Millisecond
	silence  = 1500 * time.Millisecond
	// followPause is between two rounds through all members.
	followPause = 100 * time.Millisecond
	pruneEvery  = time.Minute
	// pageSize bounds one answer of the first reading.
	pageSize = 2000
)

var (
	errSilent    = errors.New("member is silent")
	errEnded     = errors.New("watch ended")
	errCompacted = errors.New("history since then is compacted")
	errRestored  = errors.New("member has an older history, as after a restore")
)

// position is how far the history of the store was followed.
type position struct {
	revision int64
	cluster  uint64
}

// Run keeps the set current until ctx ends: it reads all revocations and then
// follows one member, and another when that falls silent.
func (r *Revocations) Run(ctx context.Context) {
	for {
		for _, client := range r.cluster.members.Preferred() {
			err := r.follow(ctx, client)
			if ctx.Err() != nil {
				return
			}
			r.log.DebugContext(ctx, "revocations are followed at another member", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(followPause):
		}
	}
}

// follow reads everything from one member and takes in what it says until it
// fails. It does not resume where another was left: the store may have come
// back from a backup in between, with another history of the same length.
func (r *Revocations) follow(ctx context.Context, client *clientv3.Client) error {
	// A member that lost its leader ends the watch instead of going quiet.
	ctx, cancel := context.WithCancel(clientv3.WithRequireLeader(ctx))
	defer cancel()
	at, err := r.load(ctx, client)
	if err != nil {
		return err
	}
	// Watch waits until the member has taken it on, for ever at one that froze
	// since it was read from.
	begun := time.AfterFunc(silence, cancel)
	updates := client.Watch(ctx, r.prefix, clientv3.WithPrefix(), clientv3.WithRev(at.revision+1), clientv3.WithFilterDelete())
	if !begun.Stop() {
		return errSilent
	}
	ask, prune := time.NewTicker(askEvery), time.NewTicker(pruneEvery)
	defer ask.Stop()
	defer prune.Stop()
	spoke := time.Now()
	for {
		select {
		case update, open := <-updates:
			if !open {
				return errEnded
			}
			if err := r.take(update, &at); err != nil {
				return err
			}
			spoke = time.Now()
		case <-ask.C:
			if time.Since(spoke) > silence {
				return errSilent
			}
			if err := r.ask(ctx, client); err != nil {
				return err
			}
		case <-prune.C:
			r.prune()
		}
	}
}

// ask makes the member speak: it answers with a response without events.
func (r *Revocations) ask(ctx context.Context, client *clientv3.Client) error {
	ctx, cancel := context.WithTimeout(ctx, askEvery)
	defer cancel()
	return client.RequestProgress(ctx)
}

// take learns one response.
func (r *Revocations) take(update clientv3.WatchResponse, at *position) error {
	if update.CompactRevision != 0 {
		return errCompacted
	}
	if err := update.Err(); err != nil {
		return fmt.Errorf("follow revocations: %w", err)
	}
	// The revision in the header is only compared, not kept: etcd before 3.4.25
	// and 3.5.8 may announce one whose events are still to come.
	if update.Header.ClusterId != at.cluster || update.Header.Revision < at.revision {
		return errRestored
	}
	for _, event := range update.Events {
		if err := r.learn(event.Kv); err != nil {
			r.log.Error("revocation not understood", "error", err)
		}
		at.revision = event.Kv.ModRevision
	}
	r.heard.Store(r.now().UnixNano())
	return nil
}

// load reads all revocations as of one revision.
func (r *Revocations) load(ctx context.Context, client *clientv3.Client) (at position, err error) {
	from, options := r.prefix, []clientv3.OpOption{
		clientv3.WithRange(clientv3.GetPrefixRangeEnd(r.prefix)), clientv3.WithLimit(pageSize),
	}
	for {
		page, err := r.page(ctx, client, from, options)
		if err != nil {
			return at, fmt.Errorf("read revocations: %w", err)
		}
		for _, kv := range page.Kvs {
			if err := r.learn(kv); err != nil {
				r.log.Error("revocation not understood", "error", err)
			}
		}
		if at.revision == 0 {
			at = position{revision: page.Header.Revision, cluster: page.Header.ClusterId}
			options = append(options, clientv3.WithRev(at.revision))
		}
		if !page.More {
			break
		}
		from = string(page.Kvs[len(page.Kvs)-1].Key) + "\x00"
	}
	r.loaded.Store(true)
	r.heard.Store(r.now().UnixNano())
	return at, nil
}

func (r *Revocations) page(ctx context.Context, client *clientv3.Client, from string, options []clientv3.OpOption) (*clientv3.GetResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, silence)
	defer cancel()
	return client.Get(ctx, from, options...)
}
