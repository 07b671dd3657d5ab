package clinic

import (
	"io"
	"sync"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/exchange/document"
)

// Limits of the documents of other clinics that are held in memory at once, from when they come until they are filed:
// counted as they come, so that nobody keeps others out by sending slowly.
const (
	arrivingEach = 2 * document.MaxBytes // of one account
	arrivingAll  = 10 * document.MaxBytes
)

// arrivals are the documents that come now.
var arrivals arriving

type arriving struct {
	mu   sync.Mutex
	held map[string]int64 // bytes, by account
	all  int64
}

// take takes room for what came for an account.
func (a *arriving) take(who string, n int64) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.held[who]+n > arrivingEach || a.all+n > arrivingAll {
		return fault.New(fault.TooCostly, "Too many documents arrive at once. Wait until the others are filed, and send it again.")
	}
	if a.held == nil {
		a.held = map[string]int64{}
	}
	a.held[who] += n
	a.all += n
	return nil
}

func (a *arriving) give(who string, n int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.all -= n
	if a.held[who] > n {
		a.held[who] -= n
	} else {
		delete(a.held, who)
	}
}

// arrival is one document that comes.
type arrival struct {
	io.Reader
	of   *arriving
	who  string
	came int64
}

// of begins a document of an account.
func (a *arriving) of(who string, in io.Reader) *arrival {
	return &arrival{Reader: in, of: a, who: who}
}

// Read implements io.Reader.
func (x *arrival) Read(p []byte) (int, error) {
	n, err := x.Reader.Read(p)
	if taken := x.of.take(x.who, int64(n)); taken != nil {
		return 0, taken
	}
	x.came += int64(n)
	return n, err
}

// done gives the room back.
func (x *arrival) done() { x.of.give(x.who, x.came) }
