package console

import (
	"bytes"
	"encoding/json"
	"os"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/identity"
)

// readProvider reads the description of the hospital's sign-in; nil for no file. Its secret may
// stand in the environment instead.
func readProvider(file string) (*identity.Provider, error) {
	if file == "" {
		return nil, nil
	}
	body, err := os.ReadFile(file)
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "The file of --single-sign-on cannot be read.")
	}
	var p identity.Provider
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "The file of --single-sign-on is not as docs/security/single-sign-on.md describes it.")
	}
	if secret := os.Getenv("OSLER_SINGLE_SIGN_ON_SECRET"); secret != "" {
		p.Secret = secret
	}
	if err := p.Check(); err != nil {
		return nil, err
	}
	return &p, nil
}
