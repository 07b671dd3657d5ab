package policy

import (
	"reflect"
	"testing"
	"time"

	"github.com/osler-emr/osler/trust"
)

// What is decided once for a key serves all who have it: every part of a principal and of the
// rules is in the key, or is named here as not deciding anything.
func TestKeyHoldsAllThatDecides(t *testing.T) {
	now := time.Date(2026, 11, 28, 9, 0, 0, 0, time.UTC)
	rules := Rules{Mode: Restricted, Now: now}
	base, ok := rules.Key(trust.Principal{Role: trust.Nurse})
	if !ok {
		t.Fatal("a nurse has no key")
	}
	undecided := map[string]bool{"Name": true, "Session": true, "Network": true, "Proved": true}
	changed := func(field reflect.Value) {
		switch field.Kind() {
		case reflect.String:
			field.SetString("other")
		case reflect.Bool:
			field.SetBool(true)
		case reflect.Slice:
			field.Set(reflect.MakeSlice(field.Type(), 1, 1))
		case reflect.Pointer:
			field.Set(reflect.New(field.Type().Elem()))
		case reflect.Struct: // a time
			field.Set(reflect.ValueOf(now.Add(time.Hour)))
		default:
			t.Fatalf("a field of kind %s", field.Kind())
		}
	}
	for i := range reflect.TypeFor[trust.Principal]().NumField() {
		name := reflect.TypeFor[trust.Principal]().Field(i).Name
		p := trust.Principal{Role: trust.Nurse}
		changed(reflect.ValueOf(&p).Elem().Field(i))
		key, ok := rules.Key(p)
		if same := ok && key == base; same != undecided[name] {
			t.Errorf("%s: the key is the same: %v", name, same)
		}
	}
	for i := range reflect.TypeFor[Rules]().NumField() {
		r := rules
		changed(reflect.ValueOf(&r).Elem().Field(i))
		if key, _ := r.Key(trust.Principal{Role: trust.Nurse}); key == base {
			t.Errorf("Rules.%s is not in the key", reflect.TypeFor[Rules]().Field(i).Name)
		}
	}
	proxy := trust.Principal{Role: trust.Patient, Proxy: &trust.Proxy{}}
	whole, _ := rules.Key(proxy)
	for i := range reflect.TypeFor[trust.Proxy]().NumField() {
		other := trust.Proxy{}
		changed(reflect.ValueOf(&other).Elem().Field(i))
		proxy.Proxy = &other
		if key, _ := rules.Key(proxy); key == whole {
			t.Errorf("Proxy.%s is not in the key", reflect.TypeFor[trust.Proxy]().Field(i).Name)
		}
	}
	one, _ := rules.Key(trust.Principal{Scopes: []string{"a", "b"}})
	for _, p := range []trust.Principal{{Scopes: []string{"ab"}}, {Scopes: []string{"a"}, Clearance: []string{"b"}}, {Scopes: []string{"b", "a"}}} {
		if key, _ := rules.Key(p); key == one {
			t.Errorf("%v has the key of other scopes", p)
		}
	}
}
