//go:build windows

package sqlite

import "golang.org/x/sys/windows"

// free returns how many bytes can be written in a folder; -1 when nobody knows.
func free(dir string) int64 {
	name, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return -1
	}
	var n uint64
	if windows.GetDiskFreeSpaceEx(name, &n, nil, nil) != nil {
		return -1
	}
	return int64(n)
}

// syncFolder has nothing to do: the system keeps names itself.
func syncFolder(string) error { return nil }
