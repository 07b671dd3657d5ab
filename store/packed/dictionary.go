package packed

import _ "embed"

// dictionary is what versions have in common: the names of elements, systems and codes in the
// order in which they usually stand. A version alone is too short to be compressed well without;
// with it a blob is a third smaller, for the same processor time.
//
// It was made of the invented clinic (exchange/synthetic; TestMakeDictionary), never of a real
// record: it lies open in every copy of the program, and what it holds could not be erased.
//
// It is a dictionary of zstd, and its text is the one of S2. Blobs of zstd name it (its id, dictionaryID);
// those of S2 have a codec of their own. It is never changed: a better one gets another id and another
// codec, and this one stays, to read what is there.
//
//go:embed dictionary.bin
var dictionary []byte

// dictionaryID is the id that stands in blobs; sum is the SHA-256 of the file.
const (
	dictionaryID  = 0x4f534c31 // "OSL1"
	dictionarySum = "83a6c2e7fb0ae17c5c1c29efecd63b37fa13a1690d6369dcb4d324d5ebea2a80"
)
