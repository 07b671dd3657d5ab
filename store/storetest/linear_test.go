package storetest

import (
	"testing"

	"github.com/anishathalye/porcupine"
)

// TestHistoriesThatCannotBe: the check finds what it is there for.
func TestHistoriesThatCannotBe(t *testing.T) {
	write := func(call, back int64, after int64, text string, done bool) porcupine.Operation {
		return porcupine.Operation{Input: attempt{"r1", true, after, text}, Output: answer{done: done}, Call: call, Return: back}
	}
	read := func(call, back, version int64, text string) porcupine.Operation {
		return porcupine.Operation{Input: attempt{key: "r1"}, Output: answer{version: version, text: text}, Call: call, Return: back}
	}
	for _, c := range []struct {
		name    string
		history []porcupine.Operation
		may     bool
	}{
		{"in turn", []porcupine.Operation{write(0, 1, 0, "a", true), read(2, 3, 1, "a"), write(4, 5, 1, "b", true)}, true},
		{"one of two at once", []porcupine.Operation{write(0, 9, 0, "a", true), write(1, 8, 0, "b", false)}, true},
		{"a lost update", []porcupine.Operation{write(0, 9, 0, "a", true), write(1, 8, 0, "b", true)}, false},
		{"a read of the past", []porcupine.Operation{write(0, 1, 0, "a", true), read(2, 3, 0, "")}, false},
		{"another's text", []porcupine.Operation{write(0, 1, 0, "a", true), read(2, 3, 1, "b")}, false},
		{"refused without a reason", []porcupine.Operation{write(0, 1, 0, "a", false)}, false},
	} {
		if got := porcupine.CheckOperations(register, c.history); got != c.may {
			t.Errorf("%s: linearizable %v", c.name, got)
		}
	}
}
