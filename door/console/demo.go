package console

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/exchange/synthetic"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust"
)

type demoCommand struct {
	listenFlags
	outwardFlags
	databaseFlag
	Data     string `type:"path" placeholder:"DIR" help:"Folder for the demonstration record (default: a temporary one that is removed at the end)."`
	Accounts string `type:"path" placeholder:"FILE" help:"Write the demonstration accounts to this file, as JSON."`
	Seed     uint64 `default:"1" help:"Another number gives other people."`
}

// Run makes a clinic and serves it.
func (c *demoCommand) Run(ctx context.Context, p *Program) error {
	start := time.Now()
	if err := c.listenFlags.check(); err != nil {
		return err
	}
	tcp, err := c.listenFlags.bind() // before a record is made
	if err != nil {
		return err
	}
	defer tcp.Close()
	dir, temporary, err := c.folder()
	if err != nil {
		return err
	}
	if temporary {
		defer os.RemoveAll(dir)
	}
	h, err := p.open(ctx, dataFlags{Data: dir, databaseFlag: c.databaseFlag}, true)
	if err != nil {
		return err
	}
	defer h.store.Close()
	if has, err := h.accounts.HasAccounts(ctx); err != nil || has {
		if err == nil {
			err = fault.New(fault.Conflict, "There is a record already; the demonstration makes its own. Give another folder or database, or none.")
		}
		return err
	}
	zone := clinicZone(p.Clock.Now().Local())
	practice := synthetic.Clinic(c.Seed, p.Clock.Now().In(zone))
	accounts, err := p.populate(ctx, h, practice)
	if err != nil {
		return err
	}
	if err := c.write(accounts); err != nil {
		return err
	}
	site := p.site(h, "Harehills Family Practice")
	site.Zone = zone
	site.Demo = c.welcome(practice, accounts, dir, temporary)
	return p.serve(ctx, h, site, tcp, c.listenFlags, c.outwardFlags, func(l *listening) error {
		address := cmp.Or(strings.TrimRight(c.PublicURL, "/"), named(l.address))
		fmt.Fprintf(p.Out, "Made a clinic of invented people: %d resources in %.1f s.\n", len(practice.Resources), time.Since(start).Seconds())
		fmt.Fprintf(p.Out, "Osler is ready. Open %s and choose who you are.\nFHIR is at %s/fhir; press Ctrl+C to stop.\n", address, address)
		if c.PublicURL == "" && len(l.others) > 0 {
			fmt.Fprintf(p.Out, "From other machines:\n  %s\n", strings.Join(l.others, "\n  "))
		}
		if temporary {
			fmt.Fprintln(p.Out, "The record is thrown away when Osler stops.")
		}
		return nil
	})
}

// clinicZone is the time zone in which the demonstration's clinic lies: the machine's own
// during the working day, otherwise one in which it is twenty past ten, since a clinic at
// night has nobody in its rooms.
func clinicZone(now time.Time) *time.Location {
	if m := now.Hour()*60 + now.Minute(); m >= 9*60 && m <= 14*60 && now.Weekday() != time.Saturday && now.Weekday() != time.Sunday {
		return now.Location()
	}
	utc := now.UTC()
	offset := 10*60 + 20 - (utc.Hour()*60 + utc.Minute())
	if offset < -12*60 {
		offset += 24 * 60
	}
	return time.FixedZone("clinic", (offset+7)/15*15*60)
}

func (c *demoCommand) folder() (dir string, temporary bool, err error) {
	if c.Data != "" {
		return c.Data, false, nil
	}
	dir, err = os.MkdirTemp("", "osler-demo-")
	return dir, true, err
}

// demoAccount is one line of the accounts file.
type demoAccount struct {
	Role     trust.Role `json:"role"`
	Name     string     `json:"name"`
	User     string     `json:"user"`
	Password string     `json:"password"`
	TOTP     string     `json:"totp"`
	Token    string     `json:"token"`
	Patient  string     `json:"patient,omitempty"`
}

// populate stores the clinic and makes the accounts; both at once, as they do not meet.
func (p *Program) populate(ctx context.Context, h *house, practice synthetic.Practice) ([]demoAccount, error) {
	secret := make([]byte, 32)
	rand.Read(secret)
	accounts := make([]demoAccount, len(practice.Accounts))
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return load(ctx, h.gate.As(trust.System("demo"), "console"), practice.Resources) })
	group.Go(func() error {
		for i, a := range practice.Accounts {
			made, err := p.demoAccount(ctx, h, a, secret)
			if err != nil {
				return saying(err, "The demonstration account %s was not made.", a.User)
			}
			accounts[i] = made
		}
		return nil
	})
	return accounts, group.Wait()
}

// load commits resources in chunks in their order, so that references point backwards.
func load(ctx context.Context, actor *record.Actor, resources []*fhir.Node) error {
	for chunk := range slices.Chunk(resources, 1000) {
		change := record.Change{What: "demonstration data", Put: make([]record.Put, len(chunk))}
		for i, r := range chunk {
			change.Put[i] = record.Put{Resource: r, Create: true}
		}
		if _, err := actor.Commit(ctx, change); err != nil {
			return saying(err, "The demonstration data was not stored.")
		}
	}
	return nil
}

func (p *Program) demoAccount(ctx context.Context, h *house, a synthetic.Account, secret []byte) (demoAccount, error) {
	by := trust.System("demo")
	password, totp := a.Credentials(secret)
	made, err := h.accounts.Create(ctx, by, identity.Draft{User: a.User, Name: a.Name, Role: a.Role, Practitioner: a.Practitioner,
		Patient: a.Patient, Language: a.Language, Password: password, TOTPSecret: totp})
	if err != nil {
		return demoAccount{}, err
	}
	scope := "user/*.cruds"
	if a.Role == trust.Patient {
		scope = "patient/*.cruds"
	}
	token, err := h.accounts.IssueToken(ctx, by, made.ID, []string{scope}, 7*24*time.Hour)
	if err != nil {
		return demoAccount{}, err
	}
	return demoAccount{Role: a.Role, Name: a.Name, User: a.User, Password: password, TOTP: totp, Token: token, Patient: a.Patient}, nil
}

func (c *demoCommand) write(accounts []demoAccount) error {
	if c.Accounts == "" {
		return nil
	}
	b, err := json.MarshalIndent(accounts, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(c.Accounts, append(b, '\n'), 0o600)
}

func (c *demoCommand) welcome(practice synthetic.Practice, accounts []demoAccount, dir string, temporary bool) *web.Demo {
	d := &web.Demo{Folder: dir}
	if temporary {
		d.Folder = "a temporary folder that is removed when Osler stops"
	}
	patients := 0
	for _, r := range practice.Resources {
		if r.ResourceType() == "Patient" {
			patients++
		}
	}
	staff := 0
	for i, a := range practice.Accounts {
		if a.Role != trust.Patient {
			staff++
		}
		d.Accounts = append(d.Accounts, web.DemoAccount{Login: accounts[i].User, Name: a.Name, About: a.Story, Patient: a.Role == trust.Patient})
	}
	d.About = fmt.Sprintf("%d staff, %d patients, years of visits, results, messages and bills", staff, patients)
	d.Try = tasks(practice)
	return d
}

// tasks are things to try: a visitor's first minutes, each begun with one click.
func tasks(practice synthetic.Practice) []web.DemoTask {
	var list []web.DemoTask
	login := map[trust.Role]string{}
	for _, a := range practice.Accounts {
		if login[a.Role] == "" {
			login[a.Role] = a.User
		}
	}
	for _, t := range []struct {
		role              trust.Role
		text, about, path string
	}{
		{trust.Physician, "See a patient", "Maria is in room 3: note, prescription with a warning, laboratory order, sign", "/today"},
		{trust.Patient, "Be the patient", "Read the new result, send a message, record a blood pressure", "/portal"},
		{trust.Nurse, "Accept a home reading", "Somebody measured at home; the inbox asks for a decision", "/inbox"},
		{trust.FrontDesk, "Register somebody", "Type “Okafor, Mariah, 14 3 68” and see who it may be", "/register"},
		{trust.Physician, "Open a closed chart", "Maren Dahl, born 9 March 1985, is close to a colleague: say why you need her chart, and see what is kept of it", "/emergency-access"},
		{trust.Auditor, "Ask who looked", "Every read and write left an entry that can be proved", "/"},
	} {
		if login[t.role] != "" {
			list = append(list, web.DemoTask{Text: t.text, About: t.about, Login: login[t.role], Path: t.path})
		}
	}
	return list
}
