package synthetic

import "github.com/osler-emr/osler/fhir"

type clinicDay struct{ resources []*fhir.Node }

func (w *world) day() *clinicDay { return &clinicDay{} }

func (w *world) panel(d *clinicDay) []*chart {
	var list []*chart
	for i := range 80 {
		list = append(list, w.anyone(uint64(i)))
	}
	return list
}
