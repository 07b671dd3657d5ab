package packed

import (
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/search"
)

// Words returns what is written in a stored version.
func (p *Packer) Words(codec int, blob []byte, narrative bool) (string, error) {
	_, body, err := p.Unpack(codec, blob)
	if err != nil {
		return "", err
	}
	return wordsOf(body, narrative)
}

func (p *Packer) written(v Stored, narrative bool) (string, error) {
	_, body, err := p.unpacked(v)
	if err != nil {
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
