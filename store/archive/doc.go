// Package archive backs a record up, restores it to any moment, and copies it from one store
// to another. It works on every store: all it asks of them is store.Moving.
//
//	m, err := archive.Backup{Store: s, Keys: ring, To: place, Lock: lock, Clock: c}.Run(ctx)
//	p, err := archive.Restore{From: place, Identities: ids, Open: open, Extract: extract}.Run(ctx)
//	p, err := archive.Copy{From: a, To: b, Extract: extract}.Run(ctx)
//
// # What lies in a place
//
// A place is a bucket: a folder or S3. Nothing in it is ever changed.
//
//	20261127T181500Z-4f2a9c/000001-b3d1.age    a segment: the first backup of a set
//	20261127T181500Z-4f2a9c/000001-b3d1.json   its manifest, written after it
//	20261127T181500Z-4f2a9c/000002-77e0.age    what was committed since
//	20261127T181500Z-4f2a9c/000002-77e0.json
//	contents/…                                 contents of attachments, as they lie in the record:
//	                                           encrypted under a key that only segments hold
//
// A set begins with a backup of everything; each further segment holds the commits since the
// last. A set is independent of all others, so that an old one can be deleted as a folder.
//
// A manifest is readable: it says from which commit to which a segment goes, when it was made,
// its size and SHA-256, and the signed head of the audit log at its end. It says nothing about
// patients. It is what makes a lost or half-written segment known.
//
// # A segment
//
// is encrypted with age (age-encryption.org/v1) to one or more recipients or with a passphrase;
// inside it is a zstd stream of frames: a byte for the kind, the length as a varint, the payload.
//
//	1  head     JSON: format, version, set, number, origin, the data key, first commit
//	2  item     space, key, owner, value, version, expires
//	3  commit   t, time, key, leaf; its versions follow
//	4  version  type, id, version, updated, patient, deleted, body
//	5  end      JSON: the manifest, without what is known only behind the end
//
// Times are milliseconds since 1970; an item that does not expire has 0. Items come before the
// commits, those of the state at the last commit of the segment; reports of background work
// (store.SpaceJob) are left out, as they are about many patients and no key of one could take them back. Index rows are not in it: they are
// extracted anew, by the rules of the program that restores. The data key is in it, so that a
// restore needs no file of the old machine.
//
// A program refuses a format or version that it does not know.
//
// # What a restore proves
//
// age says that no byte of a segment was changed or cut off. The audit tree is grown anew
// from the leaves: at the end of each segment its head must be the signed one, and each version must
// have the hash in its leaf. The segments must follow each other without a gap. age does not say who
// made a backup: whoever knows the recipient can make one, of a record of their own. That it is
// yours you see by the verification key of its audit log, which a restore prints.
package archive
