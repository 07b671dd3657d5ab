package sealed

import "runtime"

// breath counts what is written in a row. Sealing hundreds of pages takes milliseconds in which
// nothing waits for the disk, and only after ten of them would the processor be taken away: on
// two cores that is what the slowest answers waited for.
type breath int

// after lets those who wait for a processor have it, each time that n were written.
func (b *breath) after(n breath) {
	if *b++; *b >= n {
		*b = 0
		runtime.Gosched()
	}
}
