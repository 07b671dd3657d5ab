package identity

import "time"

// clockSlack is how far a clock may differ between two moments without a meaning: machines
// set theirs by little steps.
const clockSlack = 2 * time.Minute

// rewound reports whether the clock stands before a moment that was its present once. What
// was allowed for a time from that moment on would last longer than it should, so that it is
// not allowed until the clock is right again, or the person has signed in anew.
func (a *Accounts) rewound(moment time.Time) bool {
	return a.clock.Now().Add(clockSlack).Before(moment)
}
