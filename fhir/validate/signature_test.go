package validate

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"math/big"
	"strings"
	"testing"
	"time"
)

// jws signs a payload with a new certificate.
func jws(t *testing.T, payload string) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	card := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)}
	der, err := x509.CreateCertificate(rand.Reader, card, card, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	url := base64.RawURLEncoding
	text := url.EncodeToString([]byte(`{"alg":"RS256","x5c":["`+base64.StdEncoding.EncodeToString(der)+`"]}`)) + "." + url.EncodeToString([]byte(payload))
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + url.EncodeToString(signature)
}

func TestSignedBundles(t *testing.T) {
	const content = `{"resourceType":"Bundle","type":"collection","timestamp":"2024-01-01T00:00:00Z"}`
	bundle := func(content, signature string) string {
		return strings.TrimSuffix(content, "}") + `,"signature":{"type":[{"system":"urn:x","code":"y"}],"when":"2024-01-01T00:00:00Z","who":{"display":"x"},
			"targetFormat":"application/fhir+json;canonicalization=http://hl7.org/fhir/canonicalization/json#document","sigFormat":"application/jose","data":"` +
			base64.StdEncoding.EncodeToString([]byte(signature)) + `"}}`
	}
	good := jws(t, `{"timestamp":"2024-01-01T00:00:00Z","type":"collection","resourceType":"Bundle"}`)
	flipped := good[:len(good)-8] + strings.Map(func(r rune) rune {
		if r == 'A' {
			return 'B'
		}
		return 'A'
	}, good[len(good)-8:])
	for _, c := range []struct{ name, body, words string }{
		{"good", bundle(content, good), ""},
		{"other content", bundle(strings.Replace(content, "2024", "2023", 1), good), "is not the content"},
		{"broken signature", bundle(content, flipped), "does not verify"},
		{"no signature", bundle(content, "x.y"), "not a JSON Web Signature"},
	} {
		issues := Resource(parse(t, c.body))
		if c.words == "" && faulty(issues) || c.words != "" && (!faulty(issues) || !strings.Contains(issues[0].Text, c.words)) {
			t.Errorf("%s: %+v", c.name, issues)
		}
	}
	unknown := Resource(parse(t, bundle(content, "e30.e30.e30")))
	if faulty(unknown) || !strings.Contains(unknown[len(unknown)-1].Text, "not verified") {
		t.Errorf("%+v", unknown)
	}
}
