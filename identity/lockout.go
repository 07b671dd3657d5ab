package identity

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust/ledger"
)

// Lockout: the first failures are free, then every further one doubles the wait.
// Counters are kept in buckets of hashed names and addresses, so that no attacker can fill
// the store with rows, and existing and invented user names behave alike.
const (
	freeUser    = 4  // failures of one user name without a wait
	freeAddress = 19 // failures from one address without a wait; a clinic shares one
	firstWait   = 2 * time.Second
	maxWait     = 15 * time.Minute
	rememberFor = 24 * time.Hour // after the last failure of a user name
	addressFor  = time.Hour      // after the last failure from an address
)

// attempts counts the failures of one bucket.
type attempts struct {
	Failures int       `json:"failures"`
	Until    time.Time `json:"until"` // no attempt is looked at before
	version  int64
}

// bucket returns the key of the counter of a name: 18 bits of its hash.
func bucket(kind, name string) string {
	sum := sha256.Sum256([]byte(kind + "\x00" + name))
	return fmt.Sprintf("%s/%05x", kind, (uint32(sum[0])<<16|uint32(sum[1])<<8|uint32(sum[2]))>>6)
}

// network returns what counts as one address: an IPv4 address, or the /64 of an IPv6 one.
func network(address string) string {
	if host, err := netip.ParseAddrPort(address); err == nil {
		address = host.Addr().String()
	}
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is6() {
		if p, err := ip.Prefix(64); err == nil {
			return p.String()
		}
	}
	return ip.String()
}

// Network returns what the audit log says of where a request came from: an IPv4 address, or the
// /64 of an IPv6 one, from an address with or without a port.
func Network(address string) string { return network(address) }

func userBucket(user string) string { return bucket("user", strings.ToLower(strings.TrimSpace(user))) }
func addressBucket(address string) string {
	return bucket("address", network(address))
}

func (a *Accounts) attempts(ctx context.Context, key string) (attempts, error) {
	item, err := a.store.Item(ctx, spaceAttempt, key)
	if fault.Is(err, fault.NotFound) {
		return attempts{}, nil
	}
	if err != nil {
		return attempts{}, err
	}
	n := attempts{version: item.Version}
	err = json.Unmarshal(item.Value, &n)
	return n, err
}

// locked returns until when a user name or an address has to wait; zero for not at all.
func (a *Accounts) locked(ctx context.Context, user string, from Place) (time.Time, error) {
	return a.lockedAt(ctx, from.counter(user), addressBucket(from.Address))
}

// lockedAt returns until when one of the buckets has to wait.
func (a *Accounts) lockedAt(ctx context.Context, keys ...string) (time.Time, error) {
	var until time.Time
	for _, key := range keys {
		n, err := a.attempts(ctx, key)
		if err != nil {
			return until, err
		}
		if n.Until.After(a.clock.Now()) && n.Until.After(until) {
			until = n.Until
		}
	}
	return until, nil
}

// wait returns how long to wait after so many failures.
func wait(failures, free int) time.Duration {
	over := failures - free
	switch {
	case over <= 0:
		return 0
	case over > 16:
		return maxWait
	}
	return min(firstWait<<(over-1), maxWait)
}

// failed counts a failure for the user name and the address, with its audit leaf.
func (a *Accounts) failed(ctx context.Context, user string, from Place, leaf *ledger.Leaf) error {
	return again(func() error {
		u, err := a.counted(ctx, from.counter(user), freeUser, rememberFor)
		if err != nil {
			return err
		}
		n, err := a.counted(ctx, addressBucket(from.Address), freeAddress, addressFor)
		if err != nil {
			return err
		}
		_, err = a.store.Commit(ctx, store.Changeset{Items: []store.ItemWrite{u, n}, Leaf: leaf})
		return err
	})
}

func (a *Accounts) counted(ctx context.Context, key string, free int, remember time.Duration) (store.ItemWrite, error) {
	n, err := a.attempts(ctx, key)
	if err != nil {
		return store.ItemWrite{}, err
	}
	now := a.clock.Now()
	n.Failures++
	if d := wait(n.Failures, free); d > 0 {
		n.Until = now.Add(d)
	}
	return write(spaceAttempt, key, "", n, now.Add(remember), n.version)
}

// forgiven returns the write that clears a user name's counter after a success. The
// address keeps its count: an attacker with an account must not clear it.
func forgiven(user string) store.ItemWrite { return cleared(userBucket(user)) }

func cleared(counter string) store.ItemWrite {
	return store.ItemWrite{Item: store.Item{Space: spaceAttempt, Key: counter}, Delete: true, IfVersion: -1}
}
