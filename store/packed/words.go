package packed

import (
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/search"
)

// Written returns what is written in a row that names these of its columns.
func (n Names) Written(p *Packer, rid, typ, version int64, id string, codec int, blob []byte, narrative bool) (string, error) {
	v := Stored{RID: rid, Codec: codec, Blob: blob}
	v.ID, v.Version.Version = id, version
	var err error
	if v.Type, err = n.typeName(typ); err != nil {
		return "", err
	}
	if codec&sealedByPatient != 0 {
		if v.Key, err = n.keyFor(rid, blob); err != nil {
			return "", err
		}
	}
	return p.written(v, narrative)
}

func (p *Packer) written(v Stored, narrative bool) (string, error) {
	_, body, err := p.unpacked(v)
	if err != nil || v.Codec == Shredded {
		return "", err
	}
	return wordsOf(body, narrative)
}

func wordsOf(body []byte, narrative bool) (string, error) {
	r, err := fhir.Parse(body)
	if err != nil {
		return "", Damaged(err)
	}
	return search.WordsOf(r, narrative), nil
}
