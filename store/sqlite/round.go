package sqlite

// The round of a store tells reading connections whether what they see lasts: it is another one as soon as something
// was committed that a reader could see. It is odd while that is about to happen: one who reads then sees it or not,
// and nobody may see less than somebody before.

// moving reports whether n is a round in which something is about to be committed.
func moving(n int64) bool { return n%2 != 0 }

// changing says that something is about to be committed. Who has the token calls it.
func (s *Store) changing() {
	if !moving(s.round.Load()) {
		s.round.Add(1)
	}
}

// changed says that this is over, either way. It is called before anybody is answered; once more does no harm.
func (s *Store) changed() {
	if moving(s.round.Load()) {
		s.round.Add(1)
		s.renew()
	}
}

// abreast ends the state that a connection sees when it is of another round, or of one that is moving. What another
// process commits nobody tells: beside one, no state lasts.
func (s *Store) abreast(c *conn) {
	if now := s.round.Load(); c.state.round != now || moving(now) || s.writer == nil {
		c.end()
		c.state.round = now
	}
}

// renew has all that are read from now on see what is in the tables, and lets go of the write-ahead log.
func (s *Store) renew() {
	s.round.Add(2)
	s.resting.Lock()
	defer s.resting.Unlock()
	for _, c := range s.readers {
		s.abreast(c)
	}
}

// still keeps what is seen from lasting until it is ended, so that nobody who rests holds the write-ahead log, or
// looks into it when all of it is copied. Who has the token calls it.
func (s *Store) still() (end func()) {
	s.changing()
	s.renew()
	return s.changed
}
