package fhirapi

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/patch"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/store"
)

// metaLists are the parts of Meta that $meta tells and that $meta-add and $meta-delete
// change: what else stands there is the server's.
var metaLists = []string{"profile", "security", "tag"}

// meta answers $meta on a resource, on one version, on a type or on everything (R4
// resource-operation-meta): the profiles, security labels and tags.
func (s *server) meta(c *call) error {
	query, err := c.parameters()
	if err != nil {
		return err
	}
	if err := known(query); err != nil {
		return err
	}
	all := fhir.Obj()
	t, id := c.PathValue("type"), c.PathValue("id")
	if id != "" {
		v, err := c.actor.ReadVersion(c.Context(), t, id, 0)
		if vid := c.PathValue("vid"); err == nil && vid != "" {
			v, err = c.versionOf(t, id, vid)
		}
		if err != nil {
			return err
		}
		if all, err = metaOf(v); err != nil {
			return err
		}
		return c.write(http.StatusOK, returned("valueMeta", all))
	}
	var types []string
	if t != "" {
		types = []string{t}
	}
	for v, err := range c.actor.Scan(c.Context(), "tags", types...) {
		if err != nil {
			return err
		}
		m, err := metaOf(v.Version)
		if err != nil {
			return err
		}
		addMeta(all, m)
	}
	return c.write(http.StatusOK, returned("valueMeta", all))
}

// versionOf reads a version whose number comes from an address.
func (c *call) versionOf(resourceType, id, number string) (store.Version, error) {
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 1 {
		return store.Version{}, fault.New(fault.NotFound, "There is no version %q.", clip(number))
	}
	return c.actor.ReadVersion(c.Context(), resourceType, id, n)
}

// returned is a Parameters resource with one answer; an empty object is left out.
func returned(member string, value *fhir.Node) []byte {
	p := fhir.New("Parameters")
	if value.Len() > 0 {
		p.Set("parameter", fhir.Arr(fhir.Obj("name", "return", member, value)))
	}
	return p.JSON()
}

func metaOf(v store.Version) (*fhir.Node, error) {
	r, err := fhir.Parse(v.Body)
	if err != nil {
		return nil, err
	}
	m := r.Get("meta")
	if m == nil {
		m = fhir.Obj()
	}
	return m, nil
}

// sameMeta compares two profiles, or two codings by system and code.
func sameMeta(a, b *fhir.Node) bool {
	if a.Kind() != fhir.Object {
		return a.Text() == b.Text()
	}
	return a.Get("system").Text() == b.Get("system").Text() && a.Get("code").Text() == b.Get("code").Text()
}

// addMeta adds what a Meta does not have yet, and reports whether there was something.
func addMeta(to, more *fhir.Node) (changed bool) {
	for _, name := range metaLists {
		list := slices.Collect(to.Get(name).Items())
		for item := range more.Get(name).Items() {
			if !slices.ContainsFunc(list, func(n *fhir.Node) bool { return sameMeta(n, item) }) {
				list = append(list, item)
				changed = true
			}
		}
		setList(to, name, list)
	}
	return changed
}

// removeMeta takes away what a Meta has, and reports whether there was something.
func removeMeta(from, gone *fhir.Node) (changed bool) {
	for _, name := range metaLists {
		list := slices.DeleteFunc(slices.Collect(from.Get(name).Items()), func(n *fhir.Node) bool {
			for item := range gone.Get(name).Items() {
				if sameMeta(n, item) {
					changed = true
					return true
				}
			}
			return false
		})
		setList(from, name, list)
	}
	return changed
}

func setList(n *fhir.Node, name string, list []*fhir.Node) {
	if len(list) == 0 {
		n.Remove(name)
		return
	}
	arr := fhir.Arr()
	arr.Append(list...)
	n.Set(name, arr)
}

// metaAdd answers $meta-add (R4 resource-operation-meta-add).
func (s *server) metaAdd(c *call) error { return s.changeMeta(c, addMeta) }

// metaDelete answers $meta-delete (R4 resource-operation-meta-delete).
func (s *server) metaDelete(c *call) error { return s.changeMeta(c, removeMeta) }

// changeMeta makes a new version with another Meta; when nothing changes there is none. Sensitivity
// labels of what is stored are set and taken off in person, so that a program is refused: silence
// would tell it that a label is gone which stays.
func (s *server) changeMeta(c *call, change func(to, what *fhir.Node) bool) error {
	body, err := c.body()
	if err != nil {
		return err
	}
	what := body.Path("parameter.0.valueMeta")
	if body.ResourceType() != "Parameters" || body.Get("parameter").Len() != 1 || body.Path("parameter.0.name").Text() != "meta" || what.Kind() != fhir.Object {
		return fault.New(fault.Malformed, "The body is a Parameters resource with one parameter meta, a Meta.").At("Parameters.parameter")
	}
	for try := 1; ; try++ {
		v, err := c.actor.ReadVersion(c.Context(), c.PathValue("type"), c.PathValue("id"), 0)
		if err != nil {
			return err
		}
		r, err := fhir.Parse(v.Body)
		if err != nil {
			return err
		}
		m := r.Get("meta")
		if m == nil {
			m = fhir.Obj()
		}
		had := record.Labels(r)
		if change(m, what) {
			r.SetFirst(2, "meta", m)
			if !slices.Equal(had, record.Labels(r)) {
				if err := c.actor.MayLabel(c.Context(), v.Type, v.ID); err != nil {
					return err
				}
				return fault.New(fault.Forbidden, "Sensitivity labels of what is stored are not set or taken off by $meta-add and $meta-delete: it takes a reason.")
			}
			res, err := c.commit(record.Change{Put: []record.Put{{Resource: r, IfMatch: v.Version}}, Key: idempotency(c)})
			if fault.Is(err, fault.Stale) && try < patchTries {
				continue
			}
			if err != nil {
				return err
			}
			if m, err = metaOf(res.Versions[0]); err != nil {
				return err
			}
		}
		return c.write(http.StatusOK, returned("valueMeta", m))
	}
}

// diff answers $diff on a resource: the FHIRPath Patch that leads from one version
// (fromVersion, else the one before) to the current one. The server's part of Meta is not
// compared.
func (s *server) diff(c *call) error {
	query, err := c.parameters()
	if err != nil {
		return err
	}
	if err := known(query, "fromVersion", "toVersion"); err != nil {
		return err
	}
	t, id := c.PathValue("type"), c.PathValue("id")
	to, err := c.actor.ReadVersion(c.Context(), t, id, 0)
	if v := query.Get("toVersion"); err == nil && v != "" {
		to, err = c.versionOf(t, id, v)
	}
	if err != nil {
		return err
	}
	number := query.Get("fromVersion")
	if number == "" {
		if to.Version < 2 {
			return c.write(http.StatusOK, fhir.New("Parameters").JSON())
		}
		number = strconv.FormatInt(to.Version-1, 10)
	}
	from, err := c.versionOf(t, id, number)
	if err != nil {
		return err
	}
	before, err := comparable(from)
	if err != nil {
		return err
	}
	after, err := comparable(to)
	if err != nil {
		return err
	}
	d, err := patch.Diff(before, after)
	if err != nil {
		return err
	}
	return c.write(http.StatusOK, d.JSON())
}

// comparable is a version without what every version has of its own.
func comparable(v store.Version) (*fhir.Node, error) {
	r, err := fhir.Parse(v.Body)
	if err != nil {
		return nil, err
	}
	if m := r.Get("meta"); m != nil {
		m.Remove("versionId")
		m.Remove("lastUpdated")
		if m.Len() == 0 {
			r.Remove("meta")
		}
	}
	return r, nil
}
