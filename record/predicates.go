package record

import (
	"sync"

	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/policy"
)

// predicates remembers what policy.Rules.Sees answered. Making a predicate takes longer than
// compiling a search of one patient; it depends on nothing but its key.
type predicates struct {
	mu    sync.Mutex
	known map[predicateKey]search.Expr
}

type predicateKey struct{ who, resourceType string }

// maxPredicates bounds them; keys of earlier minutes are never asked for again.
const maxPredicates = 2_000

// sees is policy.Rules.Sees.
func (g *Gate) sees(rules policy.Rules, p trust.Principal, resourceType string) search.Expr {
	who, ok := rules.Key(p)
	if !ok {
		return rules.Sees(p, resourceType)
	}
	key, c := predicateKey{who, resourceType}, &g.predicates
	c.mu.Lock()
	x, ok := c.known[key]
	c.mu.Unlock()
	if ok {
		return x
	}
	x = rules.Sees(p, resourceType)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil || len(c.known) >= maxPredicates {
		c.known = map[predicateKey]search.Expr{}
	}
	c.known[key] = x
	return x
}
