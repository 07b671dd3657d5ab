package validate

import (
	"encoding/base64"
	"strings"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
)

// special checks what a data type must hold to besides its invariants in FHIRPath (see
// native): periods that end before they start, attachments whose size is not the claimed.
func (c *checker) special(n *fhir.Node, code string) {
	switch code {
	case "Period":
		c.period(n)
	case "Attachment":
		c.attachment(n)
	case "Coding":
		c.named(n)
	}
}

// named warns of a code under a name that is not its own: one of the two is wrong. Names
// change and are translated, so that only a strict validation takes it as broken.
func (c *checker) named(n *fhir.Node) {
	display := n.Get("display").Text()
	if display == "" {
		return
	}
	system, code := n.Get("system").Text(), n.Get("code").Text()
	if called, known := definition.Called(system, code, display); called || !known {
		return
	}
	severity := "warning"
	if c.options.Strict {
		severity = "error"
	}
	own, _ := definition.Display(system, code)
	c.push("display", -1)
	c.add(severity, "invalid", "This is not the name of the code "+quote(code)+", which is "+quote(own)+". One of the two may be wrong.")
	c.pop()
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
	switch {
	case ok && ok2 && first.After(last):
		c.fail("invariant", "The period ends before it starts (per-1).")
	case c.options.Strict && (len(start) <= 10 || len(end) <= 10) && strings.HasPrefix(end, start[:min(len(start), len(end))]):
		c.fail("invariant", "It cannot be decided whether the period ends before it starts, as one end is less precise than the other (per-1).")
	}
}

// attachment checks that inline data has the size that is claimed.
func (c *checker) attachment(n *fhir.Node) {
	data := n.Get("data").Text()
	size := n.Get("size")
	if data == "" || size == nil {
		return
	}
	packed := len(strings.NewReplacer(" ", "", "\n", "", "\r", "", "\t", "").Replace(data))
	length := base64.StdEncoding.DecodedLen(packed) - strings.Count(data, "=")
	if claimed, ok := size.Float(); ok && int(claimed) != length {
		c.failAt("size", "invariant", "The size that is claimed is not the size of the data.")
	}
}
