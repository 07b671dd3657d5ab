package synthetic

import (
	"encoding/hex"
	"math"
	"math/rand/v2"
)

// dice is a stream of chance. Every patient has its own, so that one patient's story does
// not change when another's does.
type dice struct{ *rand.Rand }

func newDice(seed, stream uint64) dice {
	return dice{rand.New(rand.NewPCG(seed, stream*0x9e3779b97f4a7c15+0x51ed))}
}

// id returns a random id in the form of a UUID, version 8 (made by rule).
func (d dice) id() string {
	var b [16]byte
	hi, lo := d.Uint64(), d.Uint64()
	for i := range 8 {
		b[i], b[8+i] = byte(hi>>(8*i)), byte(lo>>(8*i))
	}
	b[6] = b[6]&0x0f | 0x80
	b[8] = b[8]&0x3f | 0x80
	var out [36]byte
	hex.Encode(out[0:8], b[0:4])
	hex.Encode(out[9:13], b[4:6])
	hex.Encode(out[14:18], b[6:8])
	hex.Encode(out[19:23], b[8:10])
	hex.Encode(out[24:36], b[10:16])
	out[8], out[13], out[18], out[23] = '-', '-', '-', '-'
	return string(out[:])
}

// chance is true with probability p.
func (d dice) chance(p float64) bool { return d.Float64() < p }

// between returns a whole number from low to high, both included.
func (d dice) between(low, high int) int { return low + d.IntN(high-low+1) }

// near returns a value around mean with standard deviation sd, never further than 2 sd.
func (d dice) near(mean, sd float64) float64 {
	return mean + sd*math.Max(-2, math.Min(2, d.NormFloat64()))
}

// pick returns one of the items.
func pick[T any](d dice, items ...T) T { return items[d.IntN(len(items))] }
