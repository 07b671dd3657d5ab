package store

import (
	"context"
	"time"
)

// Rotating is a store that changes its keys while it is in use. There are two kinds. The
// key-encryption key wraps the keys of patients; a new one takes seconds, as only what it wraps is
// written again. The data keys of patients seal versions and items; new ones have each patient's
// data sealed again, piece by piece, and take days.
type Rotating interface {
	// KeyState tells how old the keys are, and how far a change has come.
	KeyState(ctx context.Context) (KeyState, error)
	// KeysDue returns when the present key-encryption key was made, and whether a change of keys is
	// under way. Unlike KeyState it counts nothing.
	KeysDue(ctx context.Context) (made time.Time, changing bool, err error)
	// NewWrap makes a new key-encryption key. From now on it wraps the keys of new patients.
	NewWrap(ctx context.Context) error
	// Rewrap wraps a piece of the keys that a former key-encryption key wraps; done says that none
	// is left, and that the former ones are destroyed.
	Rewrap(ctx context.Context) (done bool, err error)
	// NewDataKeys begins to give each patient a new data key. One that is under way goes on.
	NewDataKeys(ctx context.Context) error
	// Renew gives the next patients their new data keys, and seals their data again; done says that
	// nobody is left. What is written meanwhile is sealed with the newest key that the patient has.
	Renew(ctx context.Context) (done bool, err error)
}

// KeyState is how old keys are, and how far a change has come.
type KeyState struct {
	// Wrap is the number of the present key-encryption key, Made when it was made. Keys is how many
	// keys of patients there are, Waiting how many of them a former one wraps.
	Wrap          int64
	Made          time.Time
	Keys, Waiting int64
	// Shredded is how many patients have lost their keys for good.
	Shredded int64
	// Began is when the last change of data keys began, zero when there was none; Ended is zero while
	// it is under way. Done of Patients have their new key.
	Began, Ended   time.Time
	Done, Patients int64
}
