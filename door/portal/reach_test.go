package portal

import (
	"net/url"
	"strings"
	"testing"

	"github.com/osler-emr/osler/door/webtest"
	"github.com/osler-emr/osler/practice/message"
	"github.com/osler-emr/osler/trust"
)

// TestHowAPatientIsReached goes through the pages: asked on a phone, accommodated in the clinic, and
// from then on in the banner, at the front desk and on the whole record.
func TestHowAPatientIsReached(t *testing.T) {
	c := start(t)
	const maria, anna = "maria.okafor", "anna.lindqvist"
	desk := ""
	for user, p := range c.people {
		if p.Role == trust.FrontDesk {
			desk = user
		}
	}
	c.employ(anna, desk)
	c.enter(anna)
	c.enter(desk)
	id := c.people[maria].Patient
	const box = "PO Box 7, York"
	before, err := message.CountUnread(t.Context(), c.staff(anna))
	if err != nil {
		t.Fatal(err)
	}

	p := webtest.Start(t).Open(c.url+"/sign-in", webtest.Phone)
	p.SignIn(c.url, maria, password)
	p.Goto(c.url + "/portal/rights")
	p.Submit(`a[href="/portal/rights/reach"]`)
	if webtest.Eval[bool](p, `document.querySelector('input[name="reason"]:checked')!==null`) || strings.Contains(p.Text("#main"), "(optional)") {
		t.Errorf("a way is chosen in advance, or the address is optional: %s", p.Text("#main"))
	}
	p.Check()
	p.Picture("reach-form")
	p.Click(`input[name="reason"][value="post"]`)
	p.Submit(`#main form button.primary`)
	if !strings.Contains(p.Text("#main"), "Write the address or the number.") {
		t.Errorf("without an address: %s", p.Text("#main"))
	}
	p.Type(`input[name="should"]`, box)
	p.Submit(`#main form button.primary`)
	if text := p.Text("#main"); !strings.Contains(text, box) || !strings.Contains(text, "By letter to this address only") || !strings.Contains(text, "7 days left") {
		t.Errorf("asked: %s", text)
	}
	request := strings.TrimPrefix(p.Path(), "/portal/rights/")
	page := "/p/" + id + "/rights/" + request
	for user, path := range map[string]string{maria: "/portal/messages", anna: "/p/" + id + "/messages"} {
		if _, body := c.see(user, path); strings.Contains(body, request) || strings.Contains(body, box) {
			t.Errorf("%s: a request stands among the letters: %s", path, plainText(body))
		}
	}
	if status, body := c.see(maria, "/portal/messages/"+request); status != 404 {
		t.Errorf("a request opens as a letter: %d %s", status, plainText(body))
	}
	if unread, err := message.CountUnread(t.Context(), c.staff(anna)); err != nil || unread != before {
		t.Errorf("%d letters were not read, now %d, %v", before, unread, err)
	}
	if _, body := c.see(anna, "/requests"); !strings.Contains(plainText(body), "To be reached in another way") {
		t.Error("it is not on the work list")
	}
	_, body := c.see(anna, page)
	if text := plainText(body); !strings.Contains(text, box) || !strings.Contains(text, "nobody asks the patient why") || strings.Contains(text, "30 days more") {
		t.Errorf("the clinic reads: %s", text)
	}
	if status, _, _ := c.send(desk, page+"/accommodate", nil); status != 403 {
		t.Errorf("the front desk accommodates: %d", status)
	}
	if status, _, body := c.send(anna, page+"/accommodate", url.Values{}); status != 200 || !strings.Contains(plainText(body), "accepted") {
		t.Errorf("accommodated: %d %s", status, plainText(body))
	}
	for user, paths := range map[string][]string{anna: {"", "/medications", "/details", "/messages"}, desk: {"", "/details"}} {
		for _, path := range paths {
			status, body := c.see(user, "/p/"+id+path)
			banner, _, _ := strings.Cut(body, "<main")
			if path == "" && user == desk {
				banner = body
			}
			if !strings.Contains(plainText(body), "Write only to "+box) || status != 200 {
				t.Errorf("%s at %q: %d, does not say how she is reached: %s", user, path, status, plainText(banner))
			}
		}
	}
	if _, body := c.see(maria, "/portal/rights"); !strings.Contains(plainText(body), "How the clinic reaches you By letter to this address only : "+box) {
		t.Errorf("her own page: %s", plainText(body))
	}
	if _, body := c.see(maria, "/portal/record"); !strings.Contains(body, box) {
		t.Error("the whole record does not say it")
	}
	doctor := webtest.Start(t).Open(c.url+"/sign-in", webtest.Desktop)
	doctor.SignIn(c.url, anna, password)
	doctor.Goto(c.url + page)
	doctor.Check()
	doctor.Picture("reach-clinic")
	small := webtest.Start(t).Open(c.url+"/sign-in", webtest.Phone)
	small.SignIn(c.url, anna, password)
	small.Goto(c.url + "/p/" + id)
	small.Check()
	small.Picture("reach-clinic-phone")

	const tunde = "tunde.adeyemi"
	if status, _, page := c.send(maria, "/whose/carers", url.Values{"name": {c.people[tunde].Name}, "user": {tunde}, "level": {"full"}, "until": {"2027-01-31"}}); status != 200 {
		t.Fatalf("%d %s", status, plainText(page))
	}
	for _, path := range []string{"/rights", "/rights/" + request, "/rights/reach", "/record", "/emergency", "/download", ""} {
		if status, body := c.see(tunde, "/portal/for/"+id+path); strings.Contains(body, box) || strings.HasPrefix(path, "/rights/") && status < 400 {
			t.Errorf("the carer at %s: %d, sees where she is reached", path, status)
		}
	}
}

// TestThereIsRoomToWrite: what takes sentences shows more than one line of them.
func TestThereIsRoomToWrite(t *testing.T) {
	b := webtest.Start(t)
	c := start(t)
	p := b.Open(c.url+"/sign-in", webtest.Phone)
	p.SignIn(c.url, "maria.okafor", password)
	for _, path := range []string{"/portal/messages/new", "/portal/rights/correct", "/portal/measure/symptom"} {
		p.Goto(c.url + path)
		if low := webtest.Eval[int](p, `Math.min(...[...document.querySelectorAll("main textarea")].map(e=>e.getBoundingClientRect().height))|0`); low < 90 {
			t.Errorf("%s: a field of %d pixels for sentences", path, low)
		}
		p.Check()
		p.Picture("room" + strings.ReplaceAll(path, "/", "-"))
	}
	c.send("maria.okafor", "/settings", url.Values{"language": {"es"}})
	p.Goto(c.url + "/portal/rights")
	p.Picture("room-es")
	if high := webtest.Eval[int](p, `document.querySelector(".pin").getBoundingClientRect().height|0`); high > 64 {
		t.Errorf("the head of the page takes %d pixels", high)
	}
}
