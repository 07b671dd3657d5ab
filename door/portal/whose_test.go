package portal

import (
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/door/webtest"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/practice/message"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
)

// keep stores resources as they are.
func (c *house) keep(bodies ...string) {
	c.t.Helper()
	var change record.Change
	for _, b := range bodies {
		n, err := fhir.Parse([]byte(b))
		if err != nil {
			c.t.Fatal(err)
		}
		change.Put = append(change.Put, record.Put{Resource: n})
	}
	if _, err := c.gate.As(trust.System("import"), "test").Commit(c.t.Context(), change); err != nil {
		c.t.Fatal(err)
	}
}

// works returns the user name of somebody with a role.
func (c *house) works(role trust.Role) string {
	c.t.Helper()
	for _, user := range slices.Sorted(maps.Keys(c.people)) {
		if c.people[user].Role == role {
			return user
		}
	}
	c.t.Fatalf("nobody is a %s", role)
	return ""
}

// family gives Maria two children, and a nurse, a physician and the front desk an account.
func family(t *testing.T) (c *house, nurse string) {
	c = start(t)
	nurse = c.works(trust.Nurse)
	c.employ(nurse, "anna.lindqvist", c.works(trust.FrontDesk))
	c.keep(`{"resourceType":"Patient","id":"sam","name":[{"family":"Okafor","given":["Sam"]}],"birthDate":"2020-06-15","gender":"male"}`,
		`{"resourceType":"Patient","id":"ada","name":[{"family":"Okafor","given":["Ada"]}],"birthDate":"2013-03-02","gender":"female"}`,
		`{"resourceType":"Condition","id":"sam-asthma","clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]},"code":{"text":"Childhood asthma"},"subject":{"reference":"Patient/sam"}}`,
		`{"resourceType":"Condition","id":"ada-eczema","clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]},"code":{"text":"Atopic eczema"},"subject":{"reference":"Patient/ada"}}`)
	return c, nurse
}

// act lets Maria act for a child, through the form of a nurse, and a physician confirms it.
func (c *house) act(nurse, child string, more url.Values) (int, string) {
	c.t.Helper()
	status, page := c.ask(nurse, child, more)
	if status == 200 {
		c.agree("anna.lindqvist")
	}
	return status, page
}

// agree confirms all access that waits for a member of staff.
func (c *house) agree(user string) {
	c.t.Helper()
	_, page := c.seeAs(user, "/portal-access")
	for _, m := range regexp.MustCompile(`action="(/portal-access/grants/[^"]+)"`).FindAllStringSubmatch(page, -1) {
		if status, _, page := c.sendAs(user, m[1], url.Values{"why": {"Showed the birth certificate."}}); status != 200 || !strings.Contains(plainText(page), "acts for the patient now") {
			c.t.Fatalf("%d: %s", status, plainText(page))
		}
	}
}

// code gets the check code of the one link that waits, from a member of staff who has seen who it is.
func (c *house) code(user string) string {
	c.t.Helper()
	_, page := c.seeAs(user, "/portal-access")
	link := c.must(page, `action="(/portal-access/links/[^"]+)"`)
	_, _, page = c.sendAs(user, link, url.Values{"seen": {"photo-id"}})
	return c.must(page, `id="check-code"[^>]*>([A-Z2-7-]+)<`)
}

// ask fills the form in for a parent of a child.
func (c *house) ask(user, child string, more url.Values) (int, string) {
	c.t.Helper()
	form := url.Values{"kind": {"parent"}, "level": {"full"}, "name": {c.people["maria.okafor"].Name}, "proxy-user": {"maria.okafor"}}
	for k, v := range more {
		form[k] = v
	}
	status, _, page := c.sendAs(user, "/p/"+child+"/proxies", form)
	return status, page
}

// sendAs is send for people whose first page is not the portal's.
func (c *house) sendAs(user, path string, form url.Values) (int, string, string) {
	c.t.Helper()
	if c.clients[user] == nil {
		c.enter(user)
	}
	return c.send(user, path, form)
}

// seeAs is see for people whose first page is not the portal's.
func (c *house) seeAs(user, path string) (int, string) {
	c.t.Helper()
	if c.clients[user] == nil {
		c.enter(user)
	}
	return c.see(user, path)
}

func TestAParentOpensTheRecordsOfSeveralChildren(t *testing.T) {
	c, nurse := family(t)
	const maria = "maria.okafor"
	if status, page := c.act(nurse, "sam", nil); status != 200 || !strings.Contains(plainText(page), "sees nothing before") {
		t.Fatalf("%d: %s", status, plainText(page))
	}
	if status, page := c.act(nurse, "ada", nil); status != 200 {
		t.Fatalf("%d: %s", status, plainText(page))
	}
	if status, page := c.act(nurse, "sam", nil); status != 422 || !strings.Contains(plainText(page), "has access already") {
		t.Errorf("twice: %d %s", status, plainText(page))
	}
	if status, page := c.act(nurse, "sam", url.Values{"name": {"Somebody Else"}}); status != 422 || strings.Contains(plainText(page), c.people[maria].Name+" acts") {
		t.Errorf("another name: %d", status)
	}
	_, page := c.see(maria, "/whose")
	if text := plainText(page); !strings.Contains(text, "Sam Okafor") || !strings.Contains(text, "Ada Okafor") || !strings.Contains(text, "as parent · the whole record") || !strings.Contains(text, "as parent · without what is confidential") {
		t.Errorf("to choose from: %s", text)
	}
	if _, page := c.see(maria, "/portal"); !strings.Contains(plainText(page), "This is your own record.") {
		t.Error("the own record does not say so")
	}
	for child, says := range map[string]string{"sam": "Childhood asthma", "ada": "Atopic eczema"} {
		for _, path := range pages {
			path = strings.Replace(path, "/portal", "/portal/for/"+child, 1)
			status, page := c.see(maria, path)
			if child == "ada" && strings.HasSuffix(path, "/access") {
				for _, file := range []string{"/proof", "/disclosures"} {
					if status, _ := c.see(maria, path+file); status != 403 {
						t.Errorf("%s%s: %d", path, file, status)
					}
				}
				if status != 403 {
					t.Errorf("%s: %d", path, status)
				}
				continue
			}
			if path == "/portal/for/ada/rights" { // whom to ask, and nothing of the record
				if status != 200 || !strings.Contains(plainText(page), "Your access to this record") {
					t.Errorf("%s: %d, %s", path, status, plainText(page))
				}
				continue
			}
			if child == "ada" && strings.Contains(path, "/rights") || strings.HasSuffix(path, "/rights/reach") { // requests are the patient's own there
				if status != 403 {
					t.Errorf("%s: %d", path, status)
				}
				continue
			}
			if strings.HasSuffix(path, "/emergency") && status == 200 { // a sheet for paper, with the name on it
				continue
			}
			if status != 200 || !strings.Contains(plainText(page), "You are looking at the record of") {
				t.Errorf("%s: %d, does not say whose record it is: %s", path, status, plainText(page))
			}
			for _, link := range strings.Split(page, `href="`)[1:] {
				if link, _, _ = strings.Cut(link, `"`); strings.HasPrefix(link, "/portal") && !strings.HasPrefix(link, "/portal/for/"+child) {
					t.Errorf("%s links to another record: %s", path, link)
				}
			}
			for _, link := range strings.Split(page, `action="`)[1:] {
				if link, _, _ = strings.Cut(link, `"`); strings.HasPrefix(link, "/portal") && !strings.HasPrefix(link, "/portal/for/"+child) {
					t.Errorf("%s sends to another record: %s", path, link)
				}
			}
		}
		if _, page := c.see(maria, "/portal/for/"+child+"/health"); !strings.Contains(plainText(page), says) {
			t.Errorf("health of %s: %s", child, plainText(page))
		}
	}

	status, at, page := c.send(maria, "/portal/for/sam/messages", url.Values{"to": {c.must(second(c.see(maria, "/portal/for/sam/messages/new")), `<option value="([^"]+)"`)}, "subject": {"Cough"}, "text": {"Sam coughs at night."}, "nonce": {"n1"}})
	if status != 200 || at != "/portal/for/sam/messages" {
		t.Errorf("written: %d at %s: %s", status, at, plainText(page))
	}
	threads, err := message.Threads(t.Context(), c.staff("anna.lindqvist"), "sam")
	if err != nil || len(threads) != 1 || !strings.Contains(threads[0].Last().Text, "— "+c.people[maria].Name+", for the patient") {
		t.Errorf("the clinic reads %+v %v", threads, err)
	}
	for path, want := range map[string]string{"/portal/for/sam/messages/" + threads[0].ID: "Maria Okafor for Sam Okafor ", "/portal/for/sam/messages": "Maria Okafor for Sam Okafor "} {
		if _, page := c.see(maria, path); !strings.Contains(plainText(page), want) || strings.Contains(plainText(page), " You ·") {
			t.Errorf("%s does not say who wrote it: %s", path, plainText(page))
		}
	}
	leaves, err := c.gate.As(trust.System("test"), "test").Looked(t.Context(), store.LeafFilter{Patient: "sam", Actor: c.account(maria), Limit: 100})
	if err != nil || len(leaves) == 0 {
		t.Fatalf("%d leaves: %v", len(leaves), err)
	}
	for _, l := range leaves {
		if l.Leaf.Proxy == "" {
			t.Errorf("the leaf does not say by what right: %+v", l.Leaf)
		}
	}

	for _, path := range []string{"/portal/for/sam", "/portal/for/sam/health", "/portal/for/" + c.people[maria].Patient} {
		if status, page := c.see("tunde.adeyemi", path); status != 404 || strings.Contains(page, "Okafor") {
			t.Errorf("a stranger at %s: %d", path, status)
		}
	}
	if status, _ := c.see(maria, "/portal/for/"+c.people["tunde.adeyemi"].Patient); status != 404 {
		t.Errorf("Maria opens the record of a stranger: %d", status)
	}

	// A birthday, in the middle of a session: Ada is of age, Sam's access goes on, narrowed.
	c.clock.Advance(time.Date(2031, 3, 2, 0, 0, 0, 0, time.UTC).Sub(noon))
	clear(c.clients) // every session is over by then
	if status, _ := c.see(maria, "/portal/for/ada/health"); status != 404 {
		t.Errorf("Ada is of age, her mother sees: %d", status)
	}
	if status, page := c.see(maria, "/portal/for/sam"); status != 200 {
		t.Errorf("Sam is ten: %d %s", status, plainText(page))
	}
	grant := c.must(second(c.see(maria, "/whose")), `action="(/whose/[^"]+/end)"`)
	if status, _, _ := c.send("tunde.adeyemi", grant, nil); status != 404 {
		t.Errorf("a stranger ends it: %d", status)
	}
	if status, _, page := c.send(maria, grant, nil); status != 200 || !strings.Contains(plainText(page), "Ended.") {
		t.Errorf("given up: %d %s", status, plainText(page))
	}
	if status, _ := c.see(maria, "/portal/for/sam"); status != 404 {
		t.Errorf("given up and still open: %d", status)
	}
}

func second(_ int, page string) string { return page }

// TestACarerOfAnAdult: the patient lets somebody in, and out again; a person who is no patient
// gets an account from the clinic.
func TestACarerOfAnAdult(t *testing.T) {
	c, nurse := family(t)
	const maria, tunde = "maria.okafor", "tunde.adeyemi"
	me := c.people[maria].Patient
	form := url.Values{"name": {c.people[tunde].Name}, "user": {tunde}, "level": {"limited"}, "until": {"2027-01-31"}}
	for field, value := range map[string]string{"name": "Somebody Else", "user": "nobody", "level": "", "until": "2036-01-01"} {
		bad := url.Values{}
		for k, v := range form {
			bad[k] = v
		}
		bad.Set(field, value)
		if status, _, page := c.send(maria, "/whose/carers", bad); status != 422 || !strings.Contains(page, "There is a problem") {
			t.Errorf("%s = %q: %d", field, value, status)
		}
	}
	if status, _, page := c.send(maria, "/whose/carers", form); status != 200 || !strings.Contains(plainText(page), "can open your record now") {
		t.Fatalf("%d %s", status, plainText(page))
	}
	status, page := c.see(tunde, "/portal/for/"+me)
	if text := plainText(page); status != 200 || !strings.Contains(text, "You are looking at the record of") || !strings.Contains(text, "shown only to the patient") {
		t.Errorf("the carer sees %d: %s", status, text)
	}
	if related, err := c.staff("anna.lindqvist").Find(t.Context(), "RelatedPerson", "patient=Patient/"+me); err != nil || !strings.Contains(string(related[len(related)-1].JSON()), "CAREGIVER") {
		t.Errorf("the record does not name the carer: %v", err)
	}
	to := c.must(second(c.see(tunde, "/portal/for/"+me+"/messages/new")), `<option value="([^"]+)"`)
	for user, at := range map[string]string{maria: "/portal", tunde: "/portal/for/" + me} {
		if status, _, page := c.send(user, at+"/messages", url.Values{"to": {to}, "subject": {"By " + user}, "text": {"Words."}}); status != 200 {
			t.Fatalf("%s writes: %d %s", user, status, plainText(page))
		}
	}
	if text := plainText(second(c.see(maria, "/portal/messages"))); !strings.Contains(text, "You ·") || !strings.Contains(text, c.people[tunde].Name+" for you ·") {
		t.Errorf("she does not see who wrote for her: %s", text)
	}
	if text := plainText(second(c.see(tunde, "/portal/for/"+me+"/messages"))); strings.Contains(text, "You ·") || !strings.Contains(text, c.people[tunde].Name+" for ") {
		t.Errorf("the carer is taken for her: %s", text)
	}
	// What the clinic writes to her stays new until she has opened it herself.
	letter := message.Message{ID: "come-in", Patient: me, Sender: "Practitioner/" + c.people["anna.lindqvist"].Practitioner, To: []string{"Patient/" + me}, Subject: "Your visit", Text: "Please come in.", Sent: c.clock.Now()}.Resource()
	c.keep(string(letter.JSON()))
	for _, reader := range []struct{ user, at, after string }{{tunde, "/portal/for/" + me, "1 not read yet"}, {maria, "/portal", ""}} {
		if _, page := c.see(reader.user, reader.at+"/messages/come-in"); !strings.Contains(plainText(page), "Please come in.") {
			t.Fatalf("%s reads %s", reader.user, plainText(page))
		}
		if text := plainText(second(c.see(maria, "/portal"))); strings.Contains(text, "1 not read yet") != (reader.after != "") {
			t.Errorf("after %s has read it, hers says: %s", reader.user, text)
		}
	}
	grant := c.must(second(c.see(maria, "/whose")), `action="(/whose/[^"]+/end)"`)
	c.send(maria, grant, nil)
	if status, _ := c.see(tunde, "/portal/for/"+me); status != 404 {
		t.Errorf("taken back and still open: %d", status)
	}

	status, page = c.act(nurse, "sam", url.Values{"name": {"Jo Brandt"}, "proxy-user": {"jo.brandt"}, "new": {"1"}})
	if status != 200 {
		t.Fatalf("%d %s", status, plainText(page))
	}
	link := c.must(page, `(/invite/[A-Za-z0-9_-]+)`)
	c.enterBy(link, "jo.brandt", c.code("anna.lindqvist"))
	if _, page := c.see("jo.brandt", "/portal"); !strings.Contains(plainText(page), "Sam Okafor") || strings.Contains(plainText(page), "My own record") {
		t.Errorf("who is no patient sees %s", plainText(page))
	}
	if status, page := c.see("jo.brandt", "/portal/for/sam/health"); status != 200 || !strings.Contains(plainText(page), "Childhood asthma") {
		t.Errorf("%d %s", status, plainText(page))
	}
	if status, page := c.see("jo.brandt", "/portal/results"); status != 200 || !strings.Contains(plainText(page), "Whose record") {
		t.Errorf("%d %s", status, plainText(page))
	}
}

// TestAbuseA16TheFrontDeskOpensNoChart: whoever sets access up for a child or a carer gets nowhere
// with it alone; the patient is asked, the other parent is told, and the record names nobody as
// acting who waits.
func TestAbuseA16TheFrontDeskOpensNoChart(t *testing.T) {
	c, nurse := family(t)
	const maria, tunde = "maria.okafor", "tunde.adeyemi"
	me, desk := c.people[maria].Patient, c.works(trust.FrontDesk)
	if status, page := c.act(nurse, "sam", nil); status != 200 {
		t.Fatalf("%d %s", status, plainText(page))
	}
	if status, page := c.ask(desk, "sam", url.Values{"name": {c.people[tunde].Name}, "proxy-user": {tunde}}); status != 422 || !strings.Contains(plainText(page), "The whole record is opened by") {
		t.Errorf("the front desk gives the whole record: %d", status)
	}
	if status, page := c.ask(desk, "sam", url.Values{"name": {c.people[tunde].Name}, "proxy-user": {tunde}, "level": {"limited"}}); status != 200 || !strings.Contains(plainText(page), "waits for a confirmation, sees nothing") {
		t.Fatalf("%d %s", status, plainText(page))
	}
	if status, _ := c.see(tunde, "/portal/for/sam"); status != 404 {
		t.Errorf("asked for by the front desk, and open: %d", status)
	}
	if _, page := c.seeAs(desk, "/portal-access"); !strings.Contains(plainText(page), "Nothing waits for you") {
		t.Errorf("the front desk may answer: %s", plainText(page))
	}
	if _, page := c.see(maria, "/whose"); !strings.Contains(plainText(page), "another person in, who does not see anything yet: as parent") || strings.Contains(page, c.people[tunde].Name) {
		t.Errorf("the other parent is told: %s", plainText(page))
	}
	related := func(patient, status string) int {
		t.Helper()
		found, err := c.staff("anna.lindqvist").Find(t.Context(), "RelatedPerson", "patient=Patient/"+patient+"&active="+status)
		if err != nil {
			t.Fatal(err)
		}
		return len(found)
	}
	if yes, no := related("sam", "true"), related("sam", "false"); yes != 1 || no != 1 {
		t.Errorf("in the record act %d, and %d wait", yes, no)
	}
	c.agree(nurse)
	if status, _ := c.see(tunde, "/portal/for/sam"); status != 200 || related("sam", "false") != 0 {
		t.Errorf("confirmed by the nurse, and closed: %d", status)
	}

	carer := url.Values{"kind": {"carer"}, "level": {"limited"}, "until": {"2027-01-31"}, "name": {c.people[tunde].Name}, "proxy-user": {tunde}}
	if status, page := c.ask(nurse, me, carer); status != 200 {
		t.Fatalf("%d %s", status, plainText(page))
	}
	_, page := c.seeAs("anna.lindqvist", "/portal-access")
	grant := c.must(page, `action="/portal-access/grants/([^"]+)"`)
	if _, page := c.see(maria, "/portal"); !strings.Contains(plainText(page), "Is this person to open your record?") {
		t.Errorf("the first page of the patient: %s", plainText(page))
	}
	if status, _, _ := c.send(tunde, "/whose/"+grant+"/confirm", nil); status != 404 {
		t.Errorf("the carer confirms: %d", status)
	}
	if status, _ := c.see(tunde, "/portal/for/"+me); status != 404 {
		t.Errorf("open before the patient said so: %d", status)
	}
	if status, _, page := c.send(maria, "/whose/"+grant+"/confirm", nil); status != 200 || !strings.Contains(plainText(page), "confirmed by "+c.people[maria].Name) {
		t.Errorf("%d %s", status, plainText(page))
	}
	if status, _ := c.see(tunde, "/portal/for/"+me); status != 200 {
		t.Errorf("the patient has confirmed: %d", status)
	}

	status, page := c.sendPage(desk, "/p/"+me+"/portal/"+c.account(maria)+"/link", nil)
	link := c.must(page, `(/invite/[A-Za-z0-9_-]+)`)
	if status, page := c.sendPage("thief", link, url.Values{"check": {"AAAA-AAAA"}, "password": {password}, "again": {password}}); status != 422 || !strings.Contains(plainText(page), "has not given the check code yet") {
		t.Errorf("the link alone: %d %s", status, plainText(page))
	}
	if _, page := c.seeAs(desk, "/portal-access"); !strings.Contains(plainText(page), "Nothing waits for you") {
		t.Errorf("who made the link gives the check code: %d", status)
	}
	code := c.code(nurse)
	delete(c.clients, maria)
	c.enterBy(link, maria, code)
	if _, page := c.see(maria, "/portal/access"); !strings.Contains(plainText(page), "the check code for your portal account") || !strings.Contains(plainText(page), "a link to your portal account") {
		t.Errorf("who looked says %s", plainText(page))
	}
}

// sendPage is send for whoever has no browser yet, without its address.
func (c *house) sendPage(user, path string, form url.Values) (int, string) {
	c.t.Helper()
	if c.clients[user] == nil {
		jar, err := cookiejar.New(nil)
		if err != nil {
			c.t.Fatal(err)
		}
		c.clients[user] = &http.Client{Jar: jar}
	}
	status, _, page := c.send(user, path, form)
	return status, page
}

// TestWhosePagesInABrowser looks at them.
func TestWhosePagesInABrowser(t *testing.T) {
	b := webtest.Start(t)
	c, nurse := family(t)
	for _, child := range []string{"sam", "ada"} {
		if status, page := c.act(nurse, child, nil); status != 200 {
			t.Fatalf("%d: %s", status, plainText(page))
		}
	}
	p := b.Open(c.url+"/sign-in", webtest.Phone)
	p.SignIn(c.url, "maria.okafor", password)
	p.Goto(c.url + "/portal")
	p.Submit(`a[href="/whose"]`)
	p.Check()
	p.Picture("whose-phone")
	p.Submit(`a[href="/portal/for/ada"]`)
	if !strings.Contains(p.Text(".acting"), "Ada Okafor") {
		t.Errorf("two taps from the own record to the child's: %s", p.Text("body"))
	}
	p.Check()
	p.Picture("whose-child-phone")
	p.Goto(c.url + "/portal")
	p.Click(".um summary")
	p.Submit("form[action='/sign-out'] button")
	p = b.Open(c.url+"/sign-in", webtest.Desktop)
	p.SignIn(c.url, nurse, password)
	p.Goto(c.url + "/p/ada/portal")
	p.Check()
	p.Picture("proxy-desk")
	p = b.Open(c.url+"/p/ada/portal", webtest.Phone)
	p.Check()
	c.ask(nurse, c.people["maria.okafor"].Patient, url.Values{"kind": {"carer"}, "level": {"limited"}, "until": {"2027-01-31"}, "name": {c.people["tunde.adeyemi"].Name}, "proxy-user": {"tunde.adeyemi"}})
	c.sendPage(nurse, "/p/"+c.people["maria.okafor"].Patient+"/portal/"+c.account("maria.okafor")+"/link", nil)
	b = webtest.Start(t)
	p = b.Open(c.url+"/sign-in", webtest.Phone)
	p.SignIn(c.url, "anna.lindqvist", password)
	p.Goto(c.url + "/portal-access")
	p.Check()
	p.Picture("awaited-phone")
	wide := b.Open(c.url+"/portal-access", webtest.Desktop)
	wide.Check()
	wide.Picture("awaited-desktop")
	wide.Click(`input[value="photo-id"]`)
	wide.Submit(`form[action^="/portal-access/links/"] button`)
	wide.Check()
	wide.Picture("awaited-code")
	p = webtest.Start(t).Open(c.url+"/sign-in", webtest.Phone)
	p.SignIn(c.url, "maria.okafor", password)
	p.Goto(c.url + "/whose")
	p.Check()
	p.Picture("whose-waits-phone")
	c.send("maria.okafor", "/settings", url.Values{"language": {"ar"}})
	p.Goto(c.url + "/whose")
	p.Check()
	for _, english := range []string{"is to see", "asked for at the clinic", "Let them"} {
		if strings.Contains(p.Text("#main"), english) {
			t.Errorf("still in English: %s", english)
		}
	}
	p.Picture("whose-waits-ar")
	dark := webtest.Phone
	dark.Name, dark.Dark = "phone-dark", true
	p = b.Open(c.url+"/portal-access", dark)
	p.Check()
	p.Picture("awaited-dark")
}
