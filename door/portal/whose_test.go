package portal

import (
	"net/url"
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

// family gives Maria two children, and the front desk an account.
func family(t *testing.T) (*house, string) {
	c := start(t)
	desk := ""
	for _, a := range c.people {
		if a.Role == trust.FrontDesk {
			desk = a.User
		}
	}
	c.employ(desk)
	c.keep(`{"resourceType":"Patient","id":"sam","name":[{"family":"Okafor","given":["Sam"]}],"birthDate":"2020-06-15","gender":"male"}`,
		`{"resourceType":"Patient","id":"ada","name":[{"family":"Okafor","given":["Ada"]}],"birthDate":"2013-03-02","gender":"female"}`,
		`{"resourceType":"Condition","id":"sam-asthma","clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]},"code":{"text":"Childhood asthma"},"subject":{"reference":"Patient/sam"}}`,
		`{"resourceType":"Condition","id":"ada-eczema","clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]},"code":{"text":"Atopic eczema"},"subject":{"reference":"Patient/ada"}}`)
	return c, desk
}

// act lets Maria act for a child, through the form of the front desk.
func (c *house) act(desk, child string, more url.Values) (int, string) {
	c.t.Helper()
	form := url.Values{"kind": {"parent"}, "level": {"full"}, "name": {c.people["maria.okafor"].Name}, "proxy-user": {"maria.okafor"}}
	for k, v := range more {
		form[k] = v
	}
	status, _, page := c.sendAs(desk, "/p/"+child+"/proxies", form)
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

func TestAParentOpensTheRecordsOfSeveralChildren(t *testing.T) {
	c, desk := family(t)
	const maria = "maria.okafor"
	if status, page := c.act(desk, "sam", nil); status != 200 || !strings.Contains(plainText(page), "acts for the patient now") {
		t.Fatalf("%d: %s", status, plainText(page))
	}
	if status, page := c.act(desk, "ada", nil); status != 200 {
		t.Fatalf("%d: %s", status, plainText(page))
	}
	if status, page := c.act(desk, "sam", nil); status != 422 || !strings.Contains(plainText(page), "has access already") {
		t.Errorf("twice: %d %s", status, plainText(page))
	}
	if status, page := c.act(desk, "sam", url.Values{"name": {"Somebody Else"}}); status != 422 || strings.Contains(plainText(page), c.people[maria].Name+" acts") {
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
			if child == "ada" && strings.Contains(path, "/rights") { // requests are the patient's own there
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
	c, desk := family(t)
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
	grant := c.must(second(c.see(maria, "/whose")), `action="(/whose/[^"]+/end)"`)
	c.send(maria, grant, nil)
	if status, _ := c.see(tunde, "/portal/for/"+me); status != 404 {
		t.Errorf("taken back and still open: %d", status)
	}

	status, page = c.act(desk, "sam", url.Values{"name": {"Jo Brandt"}, "proxy-user": {"jo.brandt"}, "new": {"1"}})
	if status != 200 {
		t.Fatalf("%d %s", status, plainText(page))
	}
	link := c.must(page, `(/invite/[A-Za-z0-9_-]+)`)
	c.enterBy(link, "jo.brandt")
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

// TestWhosePagesInABrowser looks at them.
func TestWhosePagesInABrowser(t *testing.T) {
	b := webtest.Start(t)
	c, desk := family(t)
	for _, child := range []string{"sam", "ada"} {
		if status, page := c.act(desk, child, nil); status != 200 {
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
	p.SignIn(c.url, desk, password)
	p.Goto(c.url + "/p/ada/portal")
	p.Check()
	p.Picture("proxy-desk")
	p = b.Open(c.url+"/p/ada/portal", webtest.Phone)
	p.Check()
}
