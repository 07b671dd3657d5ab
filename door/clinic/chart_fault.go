package clinic

import (
	"errors"

	"github.com/osler-emr/osler/base/fault"
)

// asFault returns the fault in an error's chain that was written for the person.
func asFault(err error) (*fault.Error, bool) {
	var f *fault.Error
	if errors.As(err, &f) && f.Code != fault.Internal {
		return f, true
	}
	return nil, false
}
