package packed

import (
	"slices"
	"sync"
)

// Recent remembers the current rows of resources that were read by id: the patients of today, their
// doctors, what is open on a page. It is for a store in whose database nobody else writes, which tells
// it what a transaction changes just before that is committed (Changing), and when that is over
// (Changed), committed or not. So a row is forgotten before anybody could find it changed, and what was
// read while something changed is not kept. Bodies stay sealed; see bodies.
type Recent struct {
	mu          sync.RWMutex
	now, before recentRows // what is used moves from before to now
	size        int        // of now, in bytes
	epoch       int        // of the vocabulary
	round       int64      // of changing
	changing    bool
	closed      bool
}

type recentRows struct {
	rows map[recentKey]Stored
	keys map[int64]recentKey // by row id
}

type recentKey struct{ resourceType, id string }

const (
	// maxRecent bounds one of the two generations, in bytes.
	maxRecent = 2 << 20
	// maxRecentRow is the largest sealed body that is remembered.
	maxRecentRow = 16 << 10
)

// Changing forgets rows that are about to change. It ends with Changed.
func (r *Recent) Changing(rids []int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.changing = true
	r.round++
	for _, rid := range rids {
		r.now.drop(rid)
		r.before.drop(rid)
	}
}

// Changed says that what was announced is over. Without Changing before, it does nothing.
func (r *Recent) Changed() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.changing {
		r.changing = false
		r.round++
	}
}

// Close forgets everything for good.
func (r *Recent) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now, r.before, r.closed = recentRows{}, recentRows{}, true
}

// forget drops everything when words are forgotten, at once: what was destroyed, and the key that opened
// it, must not stay in memory. What was read before the epoch that begins is not kept any more.
func (r *Recent) forget(epoch int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now, r.before, r.size, r.epoch = recentRows{}, recentRows{}, 0, epoch
}

// find returns the row of a resource, and the round in which it was looked for, which keep takes.
func (r *Recent) find(k recentKey) (v Stored, ok bool, round int64) {
	r.mu.RLock()
	v, ok = r.now.rows[k]
	round = r.round
	r.mu.RUnlock()
	if ok {
		return v, true, round
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if v, ok = r.before.rows[k]; ok {
		r.add(k, v)
	}
	return v, ok, r.round
}

// keep remembers a row that was read in a round, unless something has changed since.
func (r *Recent) keep(k recentKey, v Stored, round int64) {
	if len(v.Blob) > maxRecentRow {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.changing || r.closed || round != r.round || v.epoch != r.epoch {
		return
	}
	r.add(k, v)
}

func (r *Recent) add(k recentKey, v Stored) {
	if r.now.rows == nil || r.size >= maxRecent {
		r.before = r.now
		r.now, r.size = recentRows{map[recentKey]Stored{}, map[int64]recentKey{}}, 0
	}
	r.now.rows[k], r.now.keys[v.RID] = v, k
	r.size += len(v.Blob) + 300
}

func (r *recentRows) drop(rid int64) {
	if k, ok := r.keys[rid]; ok {
		delete(r.rows, k)
		delete(r.keys, rid)
	}
}

// Remember sets what is remembered of rows that are read by id.
func (s *Reader) Remember(r *Recent) {
	s.recent = r
	s.words.whenForgotten(r.forget)
}

// present returns the current row of a resource from what is remembered, or reads it.
func (s *Reader) present(resourceType, id string, read func() (Stored, error)) (Stored, error) {
	if s.recent == nil {
		return read()
	}
	k := recentKey{resourceType, id}
	v, ok, round := s.recent.find(k)
	if ok {
		return v, nil
	}
	v, err := read()
	if err == nil {
		v.Blob = slices.Clip(v.Blob)
		s.recent.keep(k, v, round)
	}
	return v, err
}
