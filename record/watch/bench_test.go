package watch

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkWritesBesideSubscriptions measures commits while so many subscriptions that they
// do not concern follow the feed.
func BenchmarkWritesBesideSubscriptions(b *testing.B) {
	for _, n := range []int{0, 10, 100} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			h := open(b)
			c := receive(b, nil)
			for i := range n {
				h.put(physician, hook(fmt.Sprintf("Observation?code=1-%d", i), c.URL, ""))
			}
			if n > 0 {
				h.until("all are active", func() bool { return h.w.Counts().Active == n })
				time.Sleep(500 * time.Millisecond)
			}
			i := 0
			for b.Loop() {
				i++
				h.put(physician, pulse(i, "8867-4", "rosa"))
			}
		})
	}
}
