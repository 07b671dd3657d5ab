package packed

import (
	"strconv"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/trust/ledger"
)

// A database that does not encrypt itself gets versions, items and leaves sealed, each bound
// to its name, so that none can be put in the place of another.

// WithKey returns a Packer that seals.
func (p *Packer) WithKey(key []byte) *Packer {
	return &Packer{key: key, quick: p.quick, enc: p.enc, dec: p.dec}
}

func versionName(resourceType, id string, version int64) string {
	return "version/" + resourceType + "/" + id + "/" + strconv.FormatInt(version, 10)
}

func itemName(space, key string) string {
	return "item/" + strconv.Itoa(len(space)) + "/" + space + "/" + key
}

func leafName(t int64) string { return "leaf/" + strconv.FormatInt(t, 10) }

// SealVersion seals what Pack returned.
func (p *Packer) SealVersion(resourceType, id string, version int64, blob []byte) ([]byte, error) {
	return p.seal(versionName(resourceType, id, version), blob)
}

// SealItem seals the value of an item.
func (p *Packer) SealItem(space, key string, value []byte) ([]byte, error) {
	return p.seal(itemName(space, key), value)
}

// SealLeaf seals the leaf of a commit.
func (p *Packer) SealLeaf(t int64, body []byte) ([]byte, error) { return p.seal(leafName(t), body) }

func (p *Packer) seal(name string, plain []byte) ([]byte, error) {
	if p.key == nil {
		return plain, nil
	}
	return seal.Seal(p.key, plain, []byte(name))
}

func (p *Packer) unseal(name string, sealed []byte) ([]byte, error) {
	if p.key == nil {
		return sealed, nil
	}
	plain, err := seal.Open(p.key, sealed, []byte(name))
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, "A stored value cannot be decrypted: the key is another one, or it was changed in the database. Run the audit verification.")
	}
	return plain, nil
}

// leaf decodes a stored leaf; its details stay sealed.
func (p *Packer) leaf(t int64, body []byte) (ledger.Leaf, error) {
	plain, err := p.unseal(leafName(t), body)
	if err != nil {
		return ledger.Leaf{}, err
	}
	return ledger.Decode(plain)
}

// unpacked returns the index entries and the body of a stored version.
func (p *Packer) unpacked(v Stored) (index, body []byte, err error) {
	if v.Codec == codecShredded {
		return []byte{0}, nil, nil
	}
	b, err := p.bare(v)
	if err != nil {
		return nil, nil, err
	}
	return p.Unpack(b.Codec, b.Bytes)
}

// bare returns the blob of a stored version without its seal.
func (p *Packer) bare(v Stored) (Blob, error) {
	open := p.unseal
	if v.Codec&sealedByPatient != 0 {
		open = v.Key.open
	}
	plain, err := open(versionName(v.Type, v.ID, v.Version.Version), v.Blob)
	return Blob{Codec: v.Codec & compression, Bytes: plain}, err
}
