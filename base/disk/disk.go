// Package disk tells how much room a disk has, and when an error says that it has none.
//
//	if have := disk.Free(dir); have >= 0 && have < need { … }
//
// A disk may fill up between the question and the writing: who writes much asks again meanwhile.
package disk

import "errors"

// Full reports whether an error says that there is no room: on the disk, or for whoever writes.
func Full(err error) bool {
	for _, e := range noRoom {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
