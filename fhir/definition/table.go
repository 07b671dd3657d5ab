package definition

import (
	"bytes"
	"compress/gzip"
	_ "embed" // the tables
	"encoding/json"
	"io"
	"strings"
	"sync"
)

var (
	//go:embed gen/types.gz
	typesGz []byte
	//go:embed gen/profiles.gz
	profilesGz []byte
	//go:embed gen/search.gz
	searchGz []byte
	//go:embed gen/compartments.gz
	compartmentsGz []byte
	//go:embed gen/systems.gz
	systemsGz []byte
	//go:embed gen/sets.gz
	setsGz []byte
	//go:embed gen/maps.gz
	mapsGz []byte
)

// table is one embedded table: lines by key, unpacked on first use, each line decoded when
// it is asked for and then kept.
type table[T any] struct {
	packed *[]byte
	once   sync.Once
	lines  map[string]string
	keys   []string
	made   sync.Map // key -> *T
}

func (t *table[T]) load() {
	t.once.Do(func() {
		r, err := gzip.NewReader(bytes.NewReader(*t.packed))
		if err != nil {
			panic("definition: embedded table: " + err.Error())
		}
		text, err := io.ReadAll(r)
		if err != nil {
			panic("definition: embedded table: " + err.Error())
		}
		t.lines = map[string]string{}
		for line := range strings.Lines(string(text)) {
			key, value, _ := strings.Cut(line, "\t")
			t.lines[key] = value
			t.keys = append(t.keys, key)
		}
	})
}

// get returns the decoded line of a key, or nil.
func (t *table[T]) get(key string, decode func(key string, text []byte) (*T, error)) *T {
	if v, ok := t.made.Load(key); ok {
		return v.(*T)
	}
	t.load()
	text, ok := t.lines[key]
	if !ok {
		return nil
	}
	v, err := decode(key, []byte(text))
	if err != nil {
		panic("definition: embedded line " + key + ": " + err.Error())
	}
	kept, _ := t.made.LoadOrStore(key, v)
	return kept.(*T)
}

func plain[T any](_ string, text []byte) (*T, error) {
	v := new(T)
	return v, json.Unmarshal(text, v)
}
