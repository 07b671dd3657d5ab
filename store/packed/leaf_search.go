package packed

import (
	"math"
	"slices"

	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust/ledger"
)

// leafSearch goes through the log from the newest entry to the oldest.
type leafSearch struct {
	Names
	pack      *Packer
	f         store.LeafFilter
	low, high int64 // entries with low < t <= high
	seen      int   // entries that were decoded
	over      bool  // nothing more is looked for
	out       []store.LeafEntry
}

const (
	// shortList is up to how many entries of a patient are decoded rather than looked up in blocks.
	shortList = 2000
	// fetched is how many entries are read at once that blocks have named.
	fetched = 256
)

// run takes the one way that reads the fewest entries: the list of a patient, that of a mark, that of a person, the log
// itself, or the blocks, which answer everything but whose record it was.
func (x *leafSearch) run() error {
	if err := x.bound(); err != nil {
		return err
	}
	f, other := x.f, x.f
	other.Mark, other.Actor = "", ""
	alone := f.Patient == "" && !asks(other) // but for a mark or a person
	switch {
	case f.Patient != "":
		return x.ofPatient()
	case f.Mark != "" && f.Actor == "" && alone:
		return x.listed(f.Mark, x.low)
	case f.Mark == "" && alone:
		return x.log(x.low)
	}
	covered, err := x.covered()
	if err == nil {
		err = x.log(max(x.low, covered))
	}
	if err != nil || x.over {
		return err
	}
	return x.through(covered, nil)
}

// asks reports whether a filter asks for more than a time and a patient.
func asks(f store.LeafFilter) bool {
	return f.Actor != "" || f.Mark != "" || len(f.Actions) > 0 || f.Door != "" || f.Purpose != "" || f.Outcome != store.AnyOutcome
}

// bound turns times into places in the log, whose times never fall.
func (x *leafSearch) bound() (err error) {
	x.high = math.MaxInt64
	if !x.f.From.IsZero() {
		if x.low, err = x.leavesBefore(x.f.From.UnixMilli()); err != nil {
			return err
		}
	}
	if !x.f.To.IsZero() {
		if x.high, err = x.leavesBefore(x.f.To.UnixMilli()); err != nil {
			return err
		}
	}
	if x.f.Before > 0 { // leaf t has index t-1
		x.high = min(x.high, x.f.Before)
	}
	return nil
}

// covered returns the last entry that is in a block.
func (x *leafSearch) covered() (int64, error) {
	n, err := x.blocks()
	return n * blockLeaves, err
}

// ofPatient reads the list of a patient. Of a long one that is asked for more than its newest entries
// the blocks tell which ones fit.
func (x *leafSearch) ofPatient() error {
	if !asks(x.f) {
		return x.listed(x.f.Patient, x.low)
	}
	covered, err := x.covered()
	if err != nil {
		return err
	}
	list, err := x.numbers("SELECT t FROM leaf_patient WHERE patient = ? AND t > ? AND t <= ? ORDER BY t DESC", x.f.Patient, x.low, min(x.high, covered))
	if err != nil {
		return err
	}
	if len(list) <= shortList {
		return x.listed(x.f.Patient, x.low)
	}
	if err := x.listed(x.f.Patient, max(x.low, covered)); err != nil || x.over {
		return err
	}
	return x.through(covered, list)
}

// listed decodes what is listed under a word, after an entry.
func (x *leafSearch) listed(word string, after int64) error {
	return x.stream("SELECT l.t, l.body FROM leaf_patient p"+x.Dialect().Join()+"leaf l ON l.t = p.t WHERE p.patient = ? AND p.t > ? AND p.t <= ? ORDER BY p.t DESC", word, after, x.high)
}

// log decodes the entries of a person, or all, after an entry.
func (x *leafSearch) log(after int64) error {
	if x.f.Actor != "" {
		return x.stream("SELECT t, body FROM leaf WHERE actor = ? AND t > ? AND t <= ? ORDER BY t DESC", x.f.Actor, after, x.high)
	}
	return x.stream("SELECT t, body FROM leaf WHERE t > ? AND t <= ? ORDER BY t DESC", after, x.high)
}

// through decodes the entries that the blocks name, from an entry on; of a list when it is not nil.
func (x *leafSearch) through(covered int64, list []int64) error {
	high := min(x.high, covered)
	for high > x.low && !x.over {
		some, next, err := x.fromBlocks(high, list)
		if err == nil && len(some) > 0 {
			in := x.Dialect().In("t", some)
			err = x.stream("SELECT t, body FROM leaf WHERE "+in.SQL+" ORDER BY t DESC", in.Args...)
		}
		if err != nil {
			return err
		}
		high = next
	}
	return nil
}

// fromBlocks returns the next entries that the blocks name, and the one from which it goes on.
func (x *leafSearch) fromBlocks(high int64, list []int64) (some []any, next int64, err error) {
	next = high
	want := (high - 1) / blockLeaves
	err = x.Stream("SELECT no, kinds FROM leaf_block WHERE no <= ? AND no >= ? ORDER BY no DESC", []any{want, x.low / blockLeaves}, func(r Row) (bool, error) {
		no := r.ColumnInt64(0)
		if no != want {
			return false, damagedBlock(want)
		}
		want--
		if list != nil {
			if list = listFrom(list, high); len(list) == 0 {
				next = x.low
				return false, nil
			}
			if list[0] <= no*blockLeaves { // nothing of the list is in this block
				next = no * blockLeaves
				return true, nil
			}
		}
		kinds, err := x.pack.unseal(kindsName(no), r.ColumnBlob(1, nil))
		if err != nil {
			return false, err
		}
		may, ok := holds(kinds, x.f)
		if !ok {
			return false, damagedBlock(no)
		}
		if !may {
			next = no * blockLeaves
			return true, nil
		}
		var stored []byte
		if _, err := x.one("SELECT body FROM leaf_block WHERE no = ?", []any{no}, func(r Row) { stored = r.ColumnBlob(0, nil) }); err != nil {
			return false, err
		}
		content, err := x.pack.openBlock(no, stored)
		if err != nil {
			return false, err
		}
		found, ok := places(content, x.f)
		if !ok {
			return false, damagedBlock(no)
		}
		for _, place := range slices.Backward(found) {
			t := no*blockLeaves + place + 1
			if t > high || t <= x.low {
				continue
			}
			if list != nil {
				if list = listFrom(list, t); len(list) == 0 || list[0] != t {
					continue
				}
			}
			some = append(some, t)
			if next = t - 1; len(some) == fetched {
				return false, nil
			}
		}
		next = no * blockLeaves
		return true, nil
	})
	if err == nil && next == high { // no block was there
		err = damagedBlock(want)
	}
	return some, next, err
}

// listFrom cuts what is newer than an entry from a list, newest first.
func listFrom(list []int64, t int64) []int64 {
	i, _ := slices.BinarySearchFunc(list, t, func(a, b int64) int {
		switch {
		case a > b:
			return -1
		case a < b:
			return 1
		}
		return 0
	})
	return list[i:]
}

// stream decodes the entries that a question finds until enough of them fit.
func (x *leafSearch) stream(text string, args ...any) error {
	return x.Stream(text, args, func(r Row) (bool, error) {
		if err := x.take(r.ColumnInt64(0), r.ColumnBlob(1, nil)); err != nil {
			return false, err
		}
		return !x.over, nil
	})
}

func (x *leafSearch) take(t int64, stored []byte) error {
	raw, err := x.pack.unseal(leafName(t), stored)
	if err != nil {
		return Damaged(err)
	}
	l, err := ledger.Decode(raw)
	if err != nil {
		return Damaged(err)
	}
	fit := fits(&l, x.f)
	if fit && x.f.Where != nil { // it may ask for what is sealed
		if err := x.openDetails(&l); err != nil {
			return err
		}
		fit = x.f.Where(l)
	}
	if fit {
		x.out = append(x.out, store.LeafEntry{Index: t - 1, Leaf: l, Raw: raw})
	}
	x.seen++
	if x.f.Scan > 0 && x.seen == x.f.Scan && x.f.Reached != nil {
		*x.f.Reached = t - 1
		x.over = true
	}
	if x.f.Limit > 0 && len(x.out) >= x.f.Limit {
		x.over = true
	}
	return nil
}
