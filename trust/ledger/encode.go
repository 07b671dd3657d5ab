package ledger

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
)

// Encode returns the leaf's canonical bytes: compact JSON in the order of the fields, as encoding/json
// writes it. Details that are sealed stand in it in that form alone.
//
// Every request leaves a leaf, so that it is written here member by member, which takes a fifth of the
// time; what is not plain text is left to encoding/json.
func (l Leaf) Encode() []byte {
	if len(l.Sealed) > 0 {
		l = l.WithDetails(Details{})
	}
	b := make([]byte, 0, 512+len(l.Query)+2*len(l.Sealed)+96*len(l.Versions))
	b, err := l.Time.AppendText(append(b, `{"time":"`...))
	if err != nil { // a year that has not four digits
		panic(err)
	}
	b = appendText(append(b, `","actor":`...), l.Actor)
	b = appendText(append(b, `,"name":`...), l.Name)
	b = appendText(append(b, `,"role":`...), l.Role)
	b = appendSome(b, `,"purpose":`, l.Purpose)
	b = appendSome(b, `,"session":`, l.Session)
	b = appendText(append(b, `,"action":`...), string(l.Action))
	b = appendSome(b, `,"type":`, l.Type)
	b = appendSome(b, `,"query":`, l.Query)
	for i, id := range l.Patients {
		b = appendText(append(b, first(i, `,"patients":[`)...), id)
	}
	b = closed(b, len(l.Patients))
	for i, v := range l.Versions {
		b = appendText(append(append(b, first(i, `,"versions":[`)...), `{"type":`...), v.Type)
		b = appendText(append(b, `,"id":`...), v.ID)
		b = appendNumber(b, `,"version":`, v.Version)
		b = append(appendSome(b, `,"sha256":`, v.Hash), '}')
	}
	b = closed(b, len(l.Versions))
	b = appendNumber(b, `,"count":`, int64(l.Count))
	b = appendSome(b, `,"outcome":`, l.Outcome)
	b = appendSome(b, `,"reason":`, l.Reason)
	b = appendSome(b, `,"door":`, l.Door)
	b = appendSome(b, `,"client":`, l.Client)
	b = appendSome(b, `,"glass":`, l.Glass)
	b = appendSome(b, `,"proxy":`, l.Proxy)
	b = appendSome(b, `,"network":`, l.Network)
	if len(l.Sealed) > 0 {
		b = append(base64.StdEncoding.AppendEncode(append(b, `,"sealed":"`...), l.Sealed), '"')
	}
	return append(appendNumber(b, `,"at":`, l.At), '}')
}

// first returns what stands before the i-th element of a list that begins with start.
func first(i int, start string) string {
	if i == 0 {
		return start
	}
	return ","
}

// closed ends a list of n elements; an empty one is left out.
func closed(b []byte, n int) []byte {
	if n == 0 {
		return b
	}
	return append(b, ']')
}

// appendSome appends a member whose text is not empty.
func appendSome(b []byte, name, s string) []byte {
	if s == "" {
		return b
	}
	return appendText(append(b, name...), s)
}

// appendNumber appends a member whose number is not 0.
func appendNumber(b []byte, name string, n int64) []byte {
	if n == 0 {
		return b
	}
	return strconv.AppendInt(append(b, name...), n, 10)
}

// appendText appends a string as encoding/json writes it.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			quoted, err := json.Marshal(s)
			if err != nil { // no string can fail to marshal
				panic(err)
			}
			return append(b, quoted...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}
