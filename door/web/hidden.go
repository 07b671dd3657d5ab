package web

import (
	"bytes"
	"fmt"

	"github.com/osler-emr/osler/base/lang"
)

// shown replaces hidden characters in a drawn page by what they are (see lang.Hidden).
func shown(page []byte) []byte {
	if !bytes.ContainsFunc(page, lang.Hidden) {
		return page
	}
	var b bytes.Buffer
	for _, r := range string(page) {
		if lang.Hidden(r) {
			fmt.Fprintf(&b, "[U+%04X]", r)
			continue
		}
		b.WriteRune(r)
	}
	return b.Bytes()
}
