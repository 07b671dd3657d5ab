package ucum

import (
	_ "embed"
	"fmt"
	"math/big"
	"strings"
	"sync"
)

//go:embed essence.txt
var essence string

// atom is a unit of the table.
type atom struct {
	code, name string
	metric     bool
	value      string // value and definition are what the code means: 7000, [gr]
	definition string
	function   string // of a special unit
	base       bool   // a base unit, or an arbitrary one
	unit       Unit   // the meaning, when it has been resolved
	state      uint8  // 0 to do, 1 on the way, 2 done
}

type prefix struct {
	code, name string
	factor     *big.Rat
}

type table struct {
	atoms    map[string]*atom
	prefixes []prefix // of two letters first
}

// units loads the table. A fault in it is a fault of the build: the tests resolve every row.
var units = sync.OnceValue(func() *table {
	t := &table{atoms: map[string]*atom{}}
	for line := range strings.Lines(essence) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		t.row(f)
	}
	for _, a := range t.atoms {
		_ = t.resolve(a)
	}
	return t
})

func (t *table) row(f []string) {
	switch {
	case f[0] == "prefix" && len(f) == 4:
		factor, _ := new(big.Rat).SetString(f[2])
		p := prefix{f[1], f[3], factor}
		if len(p.code) > 1 {
			t.prefixes = append([]prefix{p}, t.prefixes...)
		} else {
			t.prefixes = append(t.prefixes, p)
		}
	case f[0] == "base" && len(f) == 3:
		t.atoms[f[1]] = &atom{code: f[1], name: f[2], metric: true, base: true}
	case f[0] == "unit" && len(f) == 6:
		a := &atom{code: f[1], name: f[5], metric: strings.Contains(f[2], "m"), value: f[3], definition: f[4]}
		// [IU] is arbitrary too, but it is another spelling of [iU].
		a.base = strings.Contains(f[2], "a") && f[4] == "1"
		t.atoms[f[1]] = a
	case f[0] == "special" && len(f) == 7:
		t.atoms[f[1]] = &atom{code: f[1], name: f[6], metric: strings.Contains(f[2], "m"), function: f[3], value: f[4], definition: f[5]}
		if f[3] == "100tan" {
			t.atoms[f[1]].definition = slopeUnit
		}
	}
}

// resolve finds what a row means in base units.
func (t *table) resolve(a *atom) error {
	switch a.state {
	case 2:
		return nil
	case 1:
		return fmt.Errorf("ucum: %s is defined by itself", a.code)
	}
	a.state = 1
	if a.base {
		a.unit = Unit{base: a.code, powers: []power{{a.code, 1}}}
		a.state = 2
		return nil
	}
	value, ok := new(big.Rat).SetString(a.value)
	if !ok {
		return fmt.Errorf("ucum: %s has no value", a.code)
	}
	p := parser{src: a.definition, table: t}
	meaning, err := p.whole()
	if err != nil {
		return fmt.Errorf("ucum: %s: %w", a.code, err)
	}
	meaning.factor = new(big.Rat).Mul(meaning.scale(), value)
	if a.function != "" {
		f, ok := functions[a.function]
		if !ok {
			return fmt.Errorf("ucum: %s: the function %s is not known", a.code, a.function)
		}
		meaning = Unit{base: meaning.base, powers: meaning.powers, inexact: meaning.inexact,
			special: &special{function: f, code: a.code, unit: meaning.factor}}
	}
	meaning.inexact = meaning.inexact || a.code == "[pi]"
	meaning.code, meaning.display = a.code, ""
	a.unit = meaning
	a.state = 2
	return nil
}
