package ledger

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"
)

// someTexts are what strings of a leaf may be.
var someTexts = []string{"", "", "Patient", "a&b <c>", "\"quoted\\\"", "tab\tand\nline\x00", "łódź \u2028 \u2029", "broken \xff\xfe", "del \x7f", "😀"}

// filled gives every field of a struct a value; a field that is new in Leaf is filled too.
func filled(r *rand.Rand, v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(someTexts[r.IntN(len(someTexts))])
	case reflect.Int, reflect.Int64:
		v.SetInt([]int64{0, 1, -7, 1 << 40}[r.IntN(4)])
	case reflect.Uint8:
		v.SetUint(uint64(r.IntN(256)))
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), r.IntN(4), 4))
		for i := range v.Len() {
			filled(r, v.Index(i))
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			zones := []*time.Location{time.UTC, time.FixedZone("", 3600), time.FixedZone("", -34200)}
			v.Set(reflect.ValueOf(time.Unix(r.Int64N(1<<32), r.Int64N(3)*1000).In(zones[r.IntN(len(zones))])))
			return
		}
		for i := range v.NumField() {
			filled(r, v.Field(i))
		}
	}
}

// The bytes are hashed: they are those that encoding/json gives, and gave before.
func TestEncodeIsWhatEncodingJSONWrites(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 5000 {
		var l Leaf
		filled(r, reflect.ValueOf(&l).Elem())
		plain := l
		if len(l.Sealed) > 0 {
			plain = l.WithDetails(Details{})
		}
		want, err := json.Marshal(plain)
		if err != nil {
			t.Fatal(err)
		}
		if got := l.Encode(); !bytes.Equal(got, want) {
			t.Fatalf("encoded\n%s\nwant\n%s", got, want)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	l := Leaf{Time: time.Date(2026, 11, 29, 12, 0, 0, 123456789, time.UTC), Actor: "0193a7c2-aaaa", Name: "Bench Doctor", Role: "physician", Session: "0193a7c2-bbbb", Action: Read, Type: "Patient",
		Patients: []string{"f58d88cd-a0aa-8e29-9e19-83006d"}, Versions: []Version{{Type: "Patient", ID: "f58d88cd-a0aa-8e29-9e19-83006d", Version: 1}}, Count: 1, Door: "fhir", Network: "127.0.0.1"}
	b.ReportAllocs()
	for b.Loop() {
		l.Encode()
	}
}
