package bulk

import (
	"bufio"
	"errors"
	"io/fs"
	"os"
)

// finished reads the journal: the hashes of files that were imported without a problem.
// The journal holds no names: file names of records often are people's names.
func (im *Import) finished() (map[string]bool, error) {
	out := map[string]bool{}
	if im.Journal == "" {
		return out, nil
	}
	f, err := os.Open(im.Journal)
	if errors.Is(err, fs.ErrNotExist) {
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	scan := bufio.NewScanner(f)
	for scan.Scan() {
		out[scan.Text()] = true
	}
	return out, scan.Err()
}

// remember appends a hash; a line torn by a crash only means that the file is looked at again.
func (im *Import) remember(sum string) error {
	if im.Journal == "" {
		return nil
	}
	f, err := os.OpenFile(im.Journal, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(sum + "\n")
	return errors.Join(err, f.Close())
}
