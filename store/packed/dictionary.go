package packed

import _ "embed"

// dictionary is what versions have in common: the names of elements, systems and codes in the
// order in which they usually stand. A version alone is too short to be compressed well without;
// with it a blob is a third smaller, and quicker to decode.
//
// It was made of the invented clinic (exchange/synthetic; TestMakeDictionary), never of a real
// record: it lies open in every copy of the program, and what it holds could not be erased.
//
// Blobs name the dictionary with which they were written (its id, dictionaryID). It is never
// changed: a better one gets another id, and this one stays, to read what is there.
//
//go:embed dictionary.bin
var dictionary []byte

// dictionaryID is the id that stands in blobs; sum is the SHA-256 of the file.
const (
	dictionaryID  = 0x4f534c31 // "OSL1"
	dictionarySum = "83a6c2e7fb0ae17c5c1c29efecd63b37fa13a1690d6369dcb4d324d5ebea2a80"
)
