package record

import (
	"context"
	"testing"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/policy"
)

// slowly is a store in which something happens after an item was read and before it is returned.
type slowly struct {
	store.Store
	then func()
}

func (s *slowly) Item(ctx context.Context, space, key string) (store.Item, error) {
	item, err := s.Store.Item(ctx, space, key)
	if then := s.then; then != nil && space == spaceHouse {
		s.then = nil
		then()
	}
	return item, err
}

// TestASettingIsInForceAtOnce changes the setting while a request that has read the former one is on
// its way: whoever asks afterwards gets the new one.
func TestASettingIsInForceAtOnce(t *testing.T) {
	c := open(t)
	c.mode(House{Mode: policy.PracticeWide})
	s := &slowly{Store: c.store}
	c.gate.store = s
	c.gate.setting.Store(nil)
	s.then = func() { c.mode(House{Mode: policy.Restricted, OptIn: true}) }
	if _, err := c.gate.house(ctx); err != nil || s.then != nil {
		t.Fatal("nothing was read", err)
	}
	if h, err := c.as(sysadmin).House(ctx); err != nil || h.Mode != policy.Restricted || !h.OptIn {
		t.Errorf("after the change the clinic is %s, %v", h.words(), err)
	}
	if got := c.charts(physician); len(got) != 0 {
		t.Errorf("after the change a physician sees the charts %v", got)
	}
}

// TestLabelsThatCannotBeReadHide asks for an entry whose labels nobody can read.
func TestLabelsThatCannotBeReadHide(t *testing.T) {
	c := open(t)
	for body, hidden := range map[string]bool{
		`{"resourceType":"Observation","meta":{"security":[{"system":"urn:x","code":"HIV"}]}}`: false,
		`{"resourceType":"Observation","meta":{"security":"HIV"}}`:                             true,
		`{"resourceType":"Observation","meta":{"security":[{"code":`:                           true,
	} {
		for _, p := range []trust.Principal{nurse, physician} {
			err := c.as(p).visible(ctx, store.Version{Type: "Observation", ID: "x", Version: 1, Patient: "rosa", Body: []byte(body)})
			if hidden != fault.Is(err, fault.NotFound) || !hidden && err != nil {
				t.Errorf("a %s, and %s: %v", p.Role, body, err)
			}
		}
	}
}
