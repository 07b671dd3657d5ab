package fhir

import (
	"encoding/binary"
	"math/bits"
)

// Marks are texts that are looked for in written resources: names of members, values, or how these
// begin. Every body of every answer is looked through, so all of them are looked for in one go.
//
//	marks := fhir.NewMarks(`security"`, `contained"`)
//	marks.In(body)&1 != 0 // "security" is written in it
type Marks struct {
	texts []string
	// at tells by each of the first characters behind a quotation mark which of the texts it may be.
	at [3][256]uint32
	// also is the mark that is no text; its bit is behind those of the texts.
	also func([]byte) bool
}

// NewMarks returns marks for texts that stand behind a quotation mark, which they are given without:
// 1 to 31 of them, in the spelling of Node.JSON.
func NewMarks(texts ...string) *Marks {
	m := &Marks{texts: texts}
	for i, t := range texts {
		for k := range m.at {
			for c := range m.at[k] {
				if k >= len(t) || t[k] == byte(c) {
					m.at[k][c] |= 1 << i
				}
			}
		}
	}
	return m
}

// Also adds a mark that no list of texts tells: is says of the bytes behind a quotation mark whether it stands
// there. Each of the first three of them is one of those in the text of its place. Its bit is behind those of the texts.
func (m *Marks) Also(first [3]string, is func(behind []byte) bool) *Marks {
	m.also = is
	for k := range m.at {
		for _, c := range []byte(first[k]) {
			m.at[k][c] |= 1 << len(m.texts)
		}
	}
	return m
}

// In returns which of the texts are in a body: the bit 1<<i stands for the i-th. A text inside of
// another, behind an escaped quotation mark, counts too.
func (m *Marks) In(body []byte) (found uint32) {
	var end [window]byte // what is left behind the last whole window
	for at := 0; at < len(body); at += window {
		w := body[at:]
		if len(w) < window {
			w = end[:copy(end[:], w)]
		}
		for q := quotes((*[window]byte)(w[:window])); q != 0; q &= q - 1 {
			found |= m.begin(body[at+bits.TrailingZeros64(q)+1:])
		}
	}
	return found
}

// begin returns which of the texts some bytes begin with.
func (m *Marks) begin(b []byte) (found uint32) {
	if len(b) < len(m.at) {
		return m.which(2<<len(m.texts)-1, b)
	}
	if may := m.at[0][b[0]] & m.at[1][b[1]] & m.at[2][b[2]]; may != 0 {
		return m.which(may, b)
	}
	return 0
}

// which returns which of some texts the bytes begin with.
func (m *Marks) which(may uint32, b []byte) (found uint32) {
	for ; may != 0; may &= may - 1 {
		i := bits.TrailingZeros32(may)
		if i == len(m.texts) {
			if m.also != nil && m.also(b) {
				found |= 1 << i
			}
			continue
		}
		t := m.texts[i]
		if len(b) >= len(t) && b[len(t)-1] == t[len(t)-1] && string(b[:len(t)]) == t {
			found |= 1 << i
		}
	}
	return found
}

// window is how many bytes are looked at together.
const window = 64

// quotes returns where the quotation marks are, as bits. In a resource every sixth byte or so is one:
// to jump from one to the next takes longer.
func quotes(b *[window]byte) (q uint64) {
	const each, low = 0x0101010101010101, 0x7f7f7f7f7f7f7f7f
	for k := 0; k < window; k += 8 {
		x := binary.LittleEndian.Uint64(b[k:k+8]) ^ each*'"'
		x = ^((x&low + low) | x | low)                // 0x80 in each byte that is one
		q |= (x >> 7) * 0x0102040810204080 >> 56 << k // their bits side by side
	}
	return q
}
