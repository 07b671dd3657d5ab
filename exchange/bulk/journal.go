package bulk

import (
	"bufio"
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
)

// finished reads the journal: the hashes of files that were imported without a problem, each with the
// mark of the record behind it. A record may be put back to an older state, and its journal is not: what
// counts is whether the record still has that mark.
// The journal holds no names: file names of records often are people's names.
func (im *Import) finished() (map[string]string, error) {
	out := map[string]string{}
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
		sum, mark, _ := strings.Cut(scan.Text(), " ")
		out[sum] = mark
	}
	return out, scan.Err()
}

// remember appends a hash; a line torn by a crash only means that the file is looked at again.
func (im *Import) remember(ctx context.Context, sum string) error {
	if im.Journal == "" {
		return nil
	}
	mark, err := im.Actor.Mark(ctx)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(im.Journal, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(sum + " " + mark + "\n")
	return errors.Join(err, f.Close())
}
