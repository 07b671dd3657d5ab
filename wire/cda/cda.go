// Package cda reads HL7 CDA R2 documents, of which C-CDA is the use: what is in the file, not what
// it means. It knows the header, the sections, their text as a tree without markup that could act,
// and the entries as elements that can be asked by path.
//
//	doc, err := cda.Parse(body)
//	for _, s := range doc.Sections {
//		s.Text.Find("med1") // the passage that an entry refers to
//	}
//
// It resolves no entity, style sheet or link, and bounds depth, count and size. The mapping to
// FHIR is in exchange/document.
package cda
