package sealed

import "time"

// Breath takes a rest from long work now and then. Sealing hundreds of pages takes milliseconds in
// which nothing waits for the disk, and only after ten of them would the processor be taken away: on
// two cores that is what the slowest answers waited for. It sleeps and does not only yield: who yields
// comes behind all who wait for a processor, so that the work takes seconds under load, and whoever
// needs it to be done waits as long.
type Breath struct{ since time.Time }

const (
	// breathEvery is for how long the processor is used in one go, and breathFor how long it is
	// left to others then.
	breathEvery = time.Millisecond
	breathFor   = 200 * time.Microsecond
	// breathNew is the pause after which work is new.
	breathNew = 50 * time.Millisecond
)

// Take lets others have the processor when it was used for long.
func (b *Breath) Take() {
	now := time.Now()
	switch used := now.Sub(b.since); {
	case used > breathNew:
		b.since = now
	case used >= breathEvery:
		time.Sleep(breathFor)
		b.since = time.Now()
	}
}
