// Package witness brings the head of the audit log to witnesses: other people's machines that
// remember how far the log was, and sign that it only grew. What somebody with all the keys of
// the clinic changes afterwards no longer fits what they have signed.
//
// A witness is named by its verification key and its address. Each gets the newest signed
// checkpoint at least once a minute when the log grew (C2SP tlog-witness, add-checkpoint), and
// answers with its cosignature, which is kept beside the record. A witness that has seen more
// than there is, or something else, is the alarm that all of this is for: State says so until
// somebody has looked.
//
//	w := witness.New(store, dir, clock, log, client, peers...)
//	go w.Run(ctx)
package witness

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust/ledger"
)

// Every is how often the log is brought to the witnesses.
const Every = time.Minute

// quiet is after how long without a cosignature people are warned.
const quiet = time.Hour

// Peer is a witness.
type Peer struct {
	Key ledger.Witness
	URL string // prefix of add-checkpoint
}

// ParsePeer reads a witness as it stands on a command line: VKEY,URL.
func ParsePeer(text string) (Peer, error) {
	vkey, url, ok := strings.Cut(text, ",")
	key, err := ledger.OpenWitness(vkey)
	if err != nil || !ok || !strings.HasPrefix(url, "http") {
		return Peer{}, fault.New(fault.Invalid, "A witness is given as its key, a comma and its address: witness.example/w1+1b2c3d4e+BA…,https://witness.example. `osler witness` prints it.")
	}
	return Peer{key, strings.TrimRight(url, "/")}, nil
}

// State is what is known of one witness.
type State struct {
	Name string
	Size int64     // entries that it has cosigned
	At   time.Time // when it did, by its own clock; zero: never
	// Alarm says that the witness has seen another log than this one: it was cut, put back or
	// rewritten.
	Alarm string
	// Trouble is why the last try failed otherwise.
	Trouble string
	Quiet   bool // it has not signed for long
}

// Pusher brings the log to the witnesses.
type Pusher struct {
	store  store.Store
	dir    string
	clock  clock.Clock
	log    *slog.Logger
	client *http.Client
	peers  []Peer
	since  time.Time

	mu     sync.Mutex
	states []State
}

// New returns a Pusher that keeps cosigned checkpoints in dir. client is one of base/outbound.
func New(s store.Store, dir string, c clock.Clock, log *slog.Logger, client *http.Client, peers ...Peer) (*Pusher, error) {
	p := &Pusher{store: s, dir: dir, clock: c, log: log, client: client, peers: peers, since: c.Now()}
	for _, peer := range peers {
		state := State{Name: peer.Key.Name()}
		note, err := os.ReadFile(p.file(peer))
		if err == nil {
			key, failed := ledger.OpenKey(s.PublicKey())
			if failed != nil {
				return nil, failed
			}
			if c, by, failed := key.OpenWitnessed(note, []ledger.Witness{peer.Key}); failed == nil && len(by) == 1 {
				state.Size, state.At = c.Size, by[0].At
			}
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, fault.Wrap(err, fault.Unavailable, "The cosigned checkpoints beside the record cannot be read.")
		}
		p.states = append(p.states, state)
	}
	return p, nil
}

// file is where the newest checkpoint that a witness has cosigned is kept.
func (p *Pusher) file(peer Peer) string {
	return filepath.Join(p.dir, "witness-"+FileName(peer.Key.Name())+".note")
}

// FileName turns a name into one that a folder takes.
func FileName(name string) string {
	h := sha256.Sum256([]byte(name))
	return hex.EncodeToString(h[:8])
}

// States returns what is known of each witness.
func (p *Pusher) States() []State {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := append([]State(nil), p.states...)
	now := p.clock.Now()
	for i := range out {
		seen := out[i].At
		if seen.Before(p.since) { // the server may have been off
			seen = p.since
		}
		out[i].Quiet = now.Sub(seen) > quiet
	}
	return out
}

// Run brings the log to the witnesses until ctx ends.
func (p *Pusher) Run(ctx context.Context) {
	for {
		p.Push(ctx)
		select {
		case <-ctx.Done():
			return
		case <-time.After(Every):
		}
	}
}

// Push brings the log to each witness once.
func (p *Pusher) Push(ctx context.Context) {
	for i, peer := range p.peers {
		p.mu.Lock()
		state := p.states[i]
		p.mu.Unlock()
		err := p.push(ctx, peer, &state)
		var alarm alarm
		switch {
		case ctx.Err() != nil:
			return
		case errors.As(err, &alarm):
			state.Alarm, state.Trouble = alarm.text, ""
			p.log.Error("a witness has seen another audit log than this one", "witness", state.Name, "what", alarm.text)
		case err != nil:
			if state.Trouble == "" {
				p.log.Warn("a witness did not sign", "witness", state.Name, "error", err.Error())
			}
			state.Trouble = err.Error()
		default:
			state.Trouble, state.Alarm = "", ""
		}
		p.mu.Lock()
		p.states[i] = state
		p.mu.Unlock()
	}
}

// alarm is the error that says that the log is not the one that the witness knows.
type alarm struct{ text string }

// Error implements error.
func (a alarm) Error() string { return a.text }

func (p *Pusher) push(ctx context.Context, peer Peer, state *State) error {
	note, err := p.store.Checkpoint(ctx)
	if err != nil {
		return err
	}
	head, err := ledger.ParseCheckpoint(ledger.Text(note))
	if err != nil || head.Size == 0 {
		return err
	}
	if head.Size == state.Size && p.clock.Now().Sub(state.At) < quiet/4 && state.Alarm == "" {
		return nil
	}
	old := state.Size
	for range 3 {
		if old > head.Size {
			return alarm{fmt.Sprintf("It has cosigned %d entries; the log has %d. Entries were cut off, or an older state of the record was put back.", old, head.Size)}
		}
		answer, err := p.submit(ctx, peer, old, head.Size, note)
		if err != nil {
			return err
		}
		switch answer.status {
		case http.StatusOK:
			return p.keep(peer, state, head, append(bytes.Clone(note), answer.body...))
		case http.StatusConflict:
			size, err := strconv.ParseInt(strings.TrimSpace(string(answer.body)), 10, 64)
			if err != nil || answer.kind != "text/x.tlog.size" {
				return fault.New(fault.Unavailable, "The witness answered in another way than witnesses do.")
			}
			if size == old {
				return alarm{fmt.Sprintf("It has cosigned another log of %d entries: the log was rewritten, or it shows different people different things.", size)}
			}
			old = size
		case http.StatusUnprocessableEntity:
			return alarm{fmt.Sprintf("It has cosigned %d entries that this log does not begin with: entries were changed.", old)}
		case http.StatusNotFound:
			return fault.New(fault.NotSupported, "The witness does not know this log. Give its operator the key that `osler audit key` prints.")
		default:
			return fault.New(fault.Unavailable, "The witness answered with the status %d.", answer.status)
		}
	}
	return fault.New(fault.Unavailable, "The witness signs other checkpoints of this log meanwhile.")
}

type answer struct {
	status int
	kind   string
	body   []byte
}

// maxAnswer bounds what a witness may send.
const maxAnswer = 64 << 10

func (p *Pusher) submit(ctx context.Context, peer Peer, old, size int64, note []byte) (answer, error) {
	s := ledger.Submission{Old: old, Note: note}
	if old > 0 && old < size {
		proof, err := p.store.ProveGrowth(ctx, store.T(old), store.T(size))
		if err != nil {
			return answer{}, err
		}
		s.Proof = proof
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, peer.URL+"/add-checkpoint", bytes.NewReader(s.Encode()))
	if err != nil {
		return answer{}, fault.Wrap(err, fault.Invalid, "The address of the witness is not one.")
	}
	r.Header.Set("Content-Type", "text/plain; charset=utf-8")
	res, err := p.client.Do(r)
	if err != nil {
		return answer{}, fault.Wrap(err, fault.Unavailable, "The witness cannot be reached.")
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return answer{}, fault.Wrap(err, fault.Unavailable, "The witness did not answer to the end.")
	}
	return answer{res.StatusCode, res.Header.Get("Content-Type"), body}, nil
}

// keep verifies what the witness signed and keeps it beside the record.
func (p *Pusher) keep(peer Peer, state *State, head ledger.Checkpoint, note []byte) error {
	key, err := ledger.OpenKey(p.store.PublicKey())
	if err != nil {
		return err
	}
	_, by, err := key.OpenWitnessed(note, []ledger.Witness{peer.Key})
	if err != nil || len(by) == 0 {
		return fault.New(fault.Invalid, "The witness signed with another key than the one that it is known by.")
	}
	name := p.file(peer)
	if err := os.WriteFile(name+".new", note, 0o600); err != nil {
		return fault.Wrap(err, fault.Unavailable, "The cosigned checkpoint cannot be kept.")
	}
	if err := os.Rename(name+".new", name); err != nil {
		return fault.Wrap(err, fault.Unavailable, "The cosigned checkpoint cannot be kept.")
	}
	state.Size, state.At = head.Size, by[0].At
	return nil
}

// Kept returns the newest cosigned checkpoints that are kept in the folder of a record, for the
// verification.
func Kept(dir string) (notes [][]byte, err error) {
	names, err := filepath.Glob(filepath.Join(dir, "witness-*.note"))
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		note, failed := os.ReadFile(name)
		notes, err = append(notes, note), cmp.Or(err, failed)
	}
	return notes, err
}
