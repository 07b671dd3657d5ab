package console

import (
	"encoding/json"
	"os"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/osler-emr/osler/base/fault"
)

// inventoryCommand writes what the program consists of: a software bill of materials (CycloneDX
// 1.6), made from what is in the running program itself.
type inventoryCommand struct {
	Out string `short:"o" type:"path" placeholder:"FILE" help:"File to write; otherwise standard output."`
}

// Run writes the bill of materials.
func (c *inventoryCommand) Run(p *Program) error {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return fault.New(fault.Unavailable, "This program does not know what it was built from; build it with Go modules.")
	}
	body, err := json.MarshalIndent(inventoryOf(info), "", "  ")
	if err != nil {
		return err
	}
	body = append(body, '\n')
	if c.Out == "" {
		_, err = p.Out.Write(body)
		return err
	}
	return os.WriteFile(c.Out, body, 0o600)
}

// The parts of a CycloneDX document that an inventory has; it has no serial number and no time, so
// that the same program gives the same bytes.
type (
	bill struct {
		Schema     string       `json:"$schema"`
		Format     string       `json:"bomFormat"`
		Spec       string       `json:"specVersion"`
		Version    int          `json:"version"`
		Metadata   billMetadata `json:"metadata"`
		Components []component  `json:"components"`
		Depends    []depends    `json:"dependencies"`
	}
	billMetadata struct {
		Component component `json:"component"`
	}
	component struct {
		Ref      string     `json:"bom-ref"`
		Type     string     `json:"type"`
		Name     string     `json:"name"`
		Version  string     `json:"version,omitempty"`
		About    string     `json:"description,omitempty"`
		PURL     string     `json:"purl,omitempty"`
		Licences []licences `json:"licenses,omitempty"`
		Facts    []fact     `json:"properties,omitempty"`
	}
	licences struct {
		Licence licence `json:"license"`
	}
	licence struct {
		ID string `json:"id"`
	}
	fact struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	depends struct {
		Ref string   `json:"ref"`
		On  []string `json:"dependsOn"`
	}
)

func inventoryOf(info *debug.BuildInfo) bill {
	name := info.Main.Path
	if name == "" {
		name = "github.com/osler-emr/osler"
	}
	self := part("application", name, Version)
	for _, s := range info.Settings {
		if slices.Contains([]string{"vcs.revision", "vcs.time", "vcs.modified", "CGO_ENABLED", "GOOS", "GOARCH", "-trimpath"}, s.Key) {
			self.Facts = append(self.Facts, fact{"osler:build:" + s.Key, s.Value})
		}
	}
	b := bill{Schema: "http://cyclonedx.org/schema/bom-1.6.schema.json", Format: "CycloneDX", Spec: "1.6", Version: 1, Metadata: billMetadata{self}}
	b.Components = append(b.Components, part("library", "std", strings.TrimPrefix(info.GoVersion, "go")))
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		c := part("library", m.Path, m.Version)
		if m.Sum != "" {
			c.Facts = append(c.Facts, fact{"go:sum", m.Sum})
		}
		b.Components = append(b.Components, c)
	}
	for _, a := range embedded {
		a.Ref = a.Name
		b.Components = append(b.Components, a)
	}
	d := depends{Ref: self.Ref}
	for _, c := range b.Components {
		d.On = append(d.On, c.Ref)
	}
	b.Depends = []depends{d}
	return b
}

// part is a component that is a Go module.
func part(kind, path, version string) component {
	purl := "pkg:golang/" + path
	if version != "" && version != "development" && version != "(devel)" {
		purl += "@" + version
	}
	c := component{Ref: purl, Type: kind, Name: path, Version: version, PURL: purl}
	if id := licenceOf[path]; id != "" {
		c.Licences = []licences{{licence{id}}}
	}
	return c
}

// embedded are the things of others in the program that are no modules.
var embedded = []component{
	{Type: "library", Name: "htmx", Version: "2.0.11", About: "script of the pages", PURL: "pkg:npm/htmx.org@2.0.11", Licences: []licences{{licence{"0BSD"}}}},
	{Type: "file", Name: "Inter", About: "font of the clinic's pages", Licences: []licences{{licence{"OFL-1.1"}}}},
	{Type: "file", Name: "Atkinson Hyperlegible Next", About: "font of the portal", Licences: []licences{{licence{"OFL-1.1"}}}},
	{Type: "file", Name: "Lucide icons", About: "pictures of the pages", Licences: []licences{{licence{"ISC"}}}},
	{Type: "data", Name: "HL7 FHIR R4 definitions", Version: "4.0.1", About: "types, profiles, search parameters, compartments, code systems and value sets", Licences: []licences{{licence{"CC0-1.0"}}}},
}

// licenceOf are the licences of the modules, as SPDX names them. A test reads the licence of each
// module and holds it to this table.
var licenceOf = map[string]string{
	"github.com/osler-emr/osler": "Apache-2.0", "std": "BSD-3-Clause",
	"filippo.io/age": "BSD-3-Clause", "filippo.io/hpke": "BSD-3-Clause",
	"github.com/a-h/templ": "MIT", "github.com/alecthomas/kong": "MIT", "github.com/boombuler/barcode": "MIT",
	"github.com/cockroachdb/apd/v3": "Apache-2.0", "github.com/coder/websocket": "ISC", "github.com/fxamacker/cbor/v2": "MIT",
	"github.com/coreos/go-oidc/v3": "Apache-2.0", "github.com/go-jose/go-jose/v4": "Apache-2.0", "github.com/go-viper/mapstructure/v2": "MIT",
	"github.com/go-webauthn/webauthn": "BSD-3-Clause", "github.com/go-webauthn/x": "BSD-3-Clause", "github.com/golang-jwt/jwt/v5": "MIT",
	"github.com/google/go-tpm": "Apache-2.0", "github.com/google/uuid": "BSD-3-Clause",
	"github.com/jackc/pgpassfile": "MIT", "github.com/jackc/pgservicefile": "MIT", "github.com/jackc/pgx/v5": "MIT", "github.com/jackc/puddle/v2": "MIT",
	"github.com/klauspost/compress": "BSD-3-Clause",
	"github.com/ncruces/go-sqlite3": "MIT", "github.com/ncruces/go-sqlite3-wasm/v6": "MIT-0", "github.com/ncruces/julianday": "MIT",
	"github.com/philhofer/fwd": "MIT", "github.com/tinylib/msgp": "MIT", "github.com/x448/float16": "MIT",
	"golang.org/x/crypto": "BSD-3-Clause", "golang.org/x/mod": "BSD-3-Clause", "golang.org/x/oauth2": "BSD-3-Clause", "golang.org/x/net": "BSD-3-Clause", "golang.org/x/sync": "BSD-3-Clause",
	"golang.org/x/sys": "BSD-3-Clause", "golang.org/x/text": "BSD-3-Clause", "golang.org/x/time": "BSD-3-Clause",
	"lukechampine.com/adiantum": "MIT",
}
