package validate

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"strings"

	"github.com/osler-emr/osler/fhir"
)

const signatureUnchecked = "The signature was not verified: it is of a kind that is not known here."

// signed verifies the JSON Web Signature of a Bundle (R4 signatures.html) against the
// certificate that comes with it. Whether that certificate is to be trusted is not judged.
func (c *checker) signed(b *fhir.Node) {
	s := b.Get("signature")
	if s == nil || s.Get("sigFormat").Text() != "application/jose" || s.Get("data") == nil {
		return
	}
	c.push("signature", -1)
	defer c.pop()
	jws, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(s.Get("data").Text()), ""))
	parts := bytes.Split(jws, []byte("."))
	if err != nil || len(parts) != 3 {
		c.failAt("data", "value", "The data is not a JSON Web Signature.")
		return
	}
	payload := unpack(parts[1])
	switch verified, known := verify(parts); {
	case !known || len(payload) == 0: // a detached one needs the exact bytes that were signed
		c.add("information", "not-supported", signatureUnchecked)
		return
	case !verified:
		c.fail("value", "The signature does not verify with its certificate.")
		return
	}
	if target := s.Get("targetFormat").Text(); !strings.HasSuffix(target, "canonicalization/json#document") {
		return // some of the bundle was left out on purpose
	}
	content, err := fhir.Parse(payload)
	if err != nil || !equal(unsigned(content), unsigned(b)) {
		c.fail("value", "The content that was signed is not the content of the bundle.")
	}
}

// unsigned is a bundle without what a signature of a document leaves out.
func unsigned(b *fhir.Node) *fhir.Node {
	out := fhir.Obj()
	for name, v := range b.Members() {
		if name != "id" && name != "meta" && name != "signature" {
			out.Set(name, v)
		}
	}
	return out
}

func unpack(part []byte) []byte {
	out, err := base64.RawURLEncoding.DecodeString(string(bytes.TrimRight(part, "=")))
	if err != nil {
		return nil
	}
	return out
}

// verify checks a JSON Web Signature; known is false for algorithms and headers that are not
// understood.
func verify(parts [][]byte) (verified, known bool) {
	header, err := fhir.Parse(unpack(parts[0]))
	if err != nil {
		return false, false
	}
	der, err := base64.StdEncoding.DecodeString(header.Path("x5c.0").Text())
	if err != nil {
		return false, false
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return false, false
	}
	sum := sha256.Sum256(bytes.Join(parts[:2], []byte(".")))
	signature := unpack(parts[2])
	switch key := certificate.PublicKey.(type) {
	case *rsa.PublicKey:
		switch header.Get("alg").Text() {
		case "RS256":
			return rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature) == nil, true
		case "PS256":
			return rsa.VerifyPSS(key, crypto.SHA256, sum[:], signature, nil) == nil, true
		}
	case *ecdsa.PublicKey:
		if header.Get("alg").Text() == "ES256" && len(signature) == 64 {
			r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
			return ecdsa.Verify(key, sum[:], r, s), true
		}
	}
	return false, false
}
