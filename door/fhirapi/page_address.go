package fhirapi

import (
	"crypto/rand"
	"encoding/base64"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/seal"
)

// pageContext binds a sealed page address to its use.
var pageContext = []byte("fhir page address")

// sealPage makes the address of a page of what it says. It names a commit of the record, and
// the numbers of commits tell how much is written, also about what the caller may not see:
// nobody but this server reads them.
func (s *server) sealPage(plain string) (string, error) {
	b, err := seal.Seal(s.PageKey, []byte(plain), pageContext)
	return base64.RawURLEncoding.EncodeToString(b), err
}

// openPage reads a page address that sealPage made.
func (s *server) openPage(token string) (string, error) {
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err == nil {
		b, err = seal.Open(s.PageKey, b, pageContext)
	}
	if err != nil {
		return "", fault.New(fault.Malformed, "The page address cannot be read; start again.")
	}
	return string(b), nil
}

// pageKey is a key for page addresses that live as long as the process.
func pageKey() []byte {
	b := make([]byte, seal.KeySize)
	rand.Read(b) // never fails
	return b
}
