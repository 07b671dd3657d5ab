package document

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// alike are the entries of a chart under one key. Where there are many, such as the heart rates of a monitor,
// an item is held only to those of its time, and of these to those first that say the same.
type alike struct {
	list []*thing
	at   map[spot][]*thing // once somebody asks, if there are many; no more than most in each
}

// spot is where an entry is found among many of one key.
type spot struct {
	kind byte
	time string // the beginning of a date, or a minute
	says string // for those that say the same; "" for all
}

// The kinds of spots.
const (
	within  = 'w' // events whose date begins so: all of a day, a month or a year
	exactly = 'e' // events whose date is that, and says no more
	minute  = 'm' // events of that minute
	today   = 't' // what is so today
	always  = 'a'
)

// most is how many entries of a spot are looked at: of medicines, problems and the like those of many years.
func (b *alike) most() int {
	if b.list[0].event {
		return mostAlike
	}
	return mostKin
}

// near are the entries that an item is held to, some of them twice.
func (b *alike) near(in *thing) (out []*thing) {
	if b == nil {
		return nil
	}
	if len(b.list) <= b.most() {
		return b.list
	}
	if b.at == nil {
		b.at = map[spot][]*thing{}
		for _, t := range b.list {
			for _, p := range t.spots(false) {
				if len(b.at[p]) < b.most() {
					b.at[p] = append(b.at[p], t)
				}
			}
		}
	}
	for _, p := range in.spots(true) {
		out = append(out, b.at[p]...)
	}
	return out
}

// spots are where an entry is put; looks, where an item looks for entries, the nearest first.
func (t *thing) spots(looks bool) (out []spot) {
	says := t.says()
	add := func(kind byte, time string) {
		out = append(out, spot{kind, time, says}, spot{kind, time, ""})
	}
	if !t.event {
		if t.now || looks {
			add(today, "")
		}
		add(always, "")
		return out
	}
	at, ok := t.moment()
	day := ""
	if ok {
		day = t.date[:min(len(t.date), len("2006-01-02"))]
	}
	if at.Clock {
		m := at.Time.Unix() / 60
		add(minute, strconv.FormatInt(m, 10))
		if looks {
			add(minute, strconv.FormatInt(m-1, 10))
			add(minute, strconv.FormatInt(m+1, 10))
		}
	}
	if looks {
		add(within, day)
	} else if !at.Clock {
		add(exactly, day)
	}
	if d, err := time.Parse(time.DateOnly, day); looks && err == nil { // what says the same on the days beside it, see mayBeOf
		kind := byte(within)
		if at.Clock {
			kind = exactly
		}
		out = append(out, spot{kind, d.AddDate(0, 0, -1).Format(time.DateOnly), says}, spot{kind, d.AddDate(0, 0, 1).Format(time.DateOnly), says})
	}
	for _, n := range []int{len("2006-01-02"), len("2006-01"), len("2006"), 0} {
		switch {
		case n > len(day):
		case looks: // what says no more than a part of the date
			add(exactly, day[:n])
		default:
			add(within, day[:n])
		}
	}
	return out
}

// says is what a thing says in what weighs, for finding the same among many: what only looks different is found
// all the same, unless there are too many.
func (t *thing) says() string {
	var list []string
	for _, f := range t.facts {
		if f.weighs && f.value != "" {
			first, _, _ := strings.Cut(f.value, " ")
			if v, err := strconv.ParseFloat(first, 64); err == nil { // the unit may be missing
				list = append(list, strconv.FormatFloat(v, 'g', -1, 64))
			} else {
				list = append(list, cmp.Or(folded(f.value), f.value))
			}
		}
	}
	slices.Sort(list)
	return "=" + strings.Join(list, "\x00")
}
