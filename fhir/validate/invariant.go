package validate

import (
	"encoding/base64"
	"strings"

	"github.com/osler-emr/osler/fhir"
)

// special checks the invariants that are carried out natively, because a chart that breaks
// them misleads: extensions (ext-1), periods that end before they start (per-1), coded
// units without system (qty-3), contact points without system (cpt-2), attachments.
func (c *checker) special(n *fhir.Node, code string) {
	switch code {
	case "Extension":
		c.extension(n)
	case "Period":
		c.period(n)
	case "Quantity", "Age", "Count", "Distance", "Duration":
		if n.Get("code") != nil && n.Get("system") == nil {
			c.fail("invariant", "A unit given as a code needs the system that the code comes from (qty-3).")
		}
	case "ContactPoint":
		if n.Get("value") != nil && n.Get("system") == nil && n.Get("_system") == nil {
			c.fail("invariant", "A contact point needs to say what it is: phone, email, … (cpt-2).")
		}
	case "Attachment":
		c.attachment(n)
	}
}

// extension checks that an extension has a value or extensions, not both and not neither.
func (c *checker) extension(n *fhir.Node) {
	valued := false
	for name := range n.Members() {
		valued = valued || strings.HasPrefix(name, "value") || strings.HasPrefix(name, "_value")
	}
	switch nested := n.Get("extension") != nil; {
	case valued && nested:
		c.fail("invariant", "An extension has either a value or extensions, not both (ext-1).")
	case !valued && !nested:
		c.fail("invariant", "An extension needs a value or extensions (ext-1).")
	}
}

// period compares what the two ends may mean at most: "2024" to "2024-03" is no fault.
func (c *checker) period(n *fhir.Node) {
	start, end := n.Get("start").Text(), n.Get("end").Text()
	if start == "" || end == "" || start == end {
		return
	}
	if len(start) == len(end) && len(start) <= 10 {
		if start > end {
			c.fail("invariant", "The period ends before it starts (per-1).")
		}
		return
	}
	first, _, ok := span(start)
	_, last, ok2 := span(end)
	if ok && ok2 && first.After(last) {
		c.fail("invariant", "The period ends before it starts (per-1).")
	}
}

// attachment checks that inline data has a media type (att-1) and the size that is claimed.
func (c *checker) attachment(n *fhir.Node) {
	data := n.Get("data").Text()
	if data == "" {
		return
	}
	if n.Get("contentType") == nil && n.Get("_contentType") == nil {
		c.fail("invariant", "An attachment with data needs its content type (att-1).")
	}
	if size := n.Get("size"); size != nil {
		packed := len(strings.NewReplacer(" ", "", "\n", "", "\r", "", "\t", "").Replace(data))
		n := base64.StdEncoding.DecodedLen(packed) - strings.Count(data, "=")
		if claimed, ok := size.Float(); ok && int(claimed) != n {
			c.failAt("size", "invariant", "The size that is claimed is not the size of the data.")
		}
	}
}
