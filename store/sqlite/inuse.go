package sqlite

// InUse returns fault.Unavailable when a process has the record in dir open.
func InUse(dir string) error {
	f, err := takeLock(dir)
	if err != nil {
		return err
	}
	return f.Close()
}
