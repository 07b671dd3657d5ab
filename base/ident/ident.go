// Package ident makes identifiers.
//
// Ids are UUID version 7 (RFC 9562): they sort by creation time, so that new rows land
// next to each other on disk, and carry 74 random bits, so that they cannot be guessed.
// Secrets (session and bearer tokens, set-up links) are a separate function: they carry
// 256 random bits and no time.
package ident

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"time"
)

// New returns a new id such as "019b0c7e-52a1-7c3b-9d5e-0f6a2b1c3d4e" for the instant t.
// It is a legal FHIR id.
func New(t time.Time) string {
	var b [16]byte
	rand.Read(b[:]) // never fails (crypto/rand, Go 1.24)
	return format(t, b)
}

func format(t time.Time, b [16]byte) string {
	ms := uint64(t.UnixMilli())
	for i := range 6 {
		b[i] = byte(ms >> (8 * (5 - i)))
	}
	b[6] = b[6]&0x0f | 0x70
	b[8] = b[8]&0x3f | 0x80
	var out [36]byte
	hex.Encode(out[0:8], b[0:4])
	hex.Encode(out[9:13], b[4:6])
	hex.Encode(out[14:18], b[6:8])
	hex.Encode(out[19:23], b[8:10])
	hex.Encode(out[24:36], b[10:16])
	out[8], out[13], out[18], out[23] = '-', '-', '-', '-'
	return string(out[:])
}

// Secret returns 256 random bits as 43 URL-safe characters.
func Secret() string {
	var b [32]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}
