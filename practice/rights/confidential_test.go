package rights

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/practice/patient"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/policy"
)

// TestReachedInConfidence is a request to be reached in another way (45 CFR 164.522(b)), from the
// asking to its end: nobody asks why, one way stands at a time, the register keeps it, and who acts
// for the patient sees neither the usual address nor the new one.
func TestReachedInConfidence(t *testing.T) {
	c := open(t)
	n, err := c.as(amara).Read(ctx, "Patient", "rosa")
	if err != nil {
		t.Fatal(err)
	}
	p := patient.FromResource(n)
	p.Given, p.Sex, p.Phone, p.Line, p.City = "Rosa", "female", "0113 496 0100", "1 Home Road", "Leeds"
	if _, err := patient.Update(ctx, c.as(dana), p, p.Version); err != nil {
		t.Fatal(err)
	}
	carer := rosa
	carer.ID, carer.Proxy = "carer", &trust.Proxy{ID: "x", Related: "rp", Level: "full"}

	for _, d := range []Draft{{Reason: "pigeon", Should: "roof"}, {Reason: "post"}, {Reason: "phone", Should: "my sister"}, {Reason: "email", Should: "rosa"}} {
		d.Kind = Confidential
		_, err := Ask(ctx, c.as(rosa), d)
		c.refuses(fault.Invalid, err, d.Reason+" to "+d.Should)
	}
	_, err = Ask(ctx, c.as(carer), Draft{Kind: Confidential, Reason: "portal"})
	c.refuses(fault.Forbidden, err, "asked by a carer")

	letter := c.ask(rosa, Draft{Kind: Confidential, Reason: "post", Should: "PO Box 7, York"})
	if letter.DaysLeft(c.clock.Now()) > 7 {
		t.Errorf("%d days to answer", letter.DaysLeft(c.clock.Now()))
	}
	c.refuses(fault.Forbidden, Accommodate(ctx, c.as(dana), "rosa", letter.ID, ""), "the front desk accommodates")
	c.refuses(fault.Conflict, Extend(ctx, c.as(amara), "rosa", letter.ID, "Busy."), "more time")
	c.do(Accommodate(ctx, c.as(amara), "rosa", letter.ID, ""))

	seen := func(who trust.Principal) (chart.Patient, []byte) {
		t.Helper()
		n, err := c.as(who).Read(ctx, "Patient", "rosa")
		if err != nil {
			t.Fatal(err)
		}
		return chart.PatientFrom(n), n.JSON()
	}
	if p, body := seen(dana); p.Address != "PO Box 7, York" || p.Phone != "" || p.Reach != (policy.Reach{Way: policy.Post, To: "PO Box 7, York"}) || !bytes.Contains(body, []byte(`"CONF"`)) {
		t.Errorf("the front desk sees %+v in %s", p, body)
	}
	hidden := [][]byte{[]byte("PO Box"), []byte("Home Road"), []byte("0113"), []byte("CONF"), []byte(policy.ReachURL)}
	_, body := seen(carer)
	for _, h := range hidden {
		if bytes.Contains(body, h) {
			t.Errorf("the carer reads %s in %s", h, body)
		}
	}
	for version := int64(1); version < 4; version++ {
		v, err := c.as(carer).ReadVersion(ctx, "Patient", "rosa", version)
		if err != nil && !fault.Is(err, fault.NotFound) {
			t.Fatal(err)
		}
		for _, h := range hidden {
			if bytes.Contains(v.Body, h) {
				t.Errorf("the carer reads %s in version %d", h, version)
			}
		}
	}
	versions, err := c.as(carer).History(ctx, store.HistoryFilter{Type: "Patient", ID: "rosa"})
	if err != nil || len(versions) < 3 {
		t.Errorf("%d versions, %v", len(versions), err)
	}
	for _, v := range versions {
		for _, h := range hidden {
			if bytes.Contains(v.Body, h) {
				t.Errorf("the carer reads %s in the history", h)
			}
		}
	}
	if _, body := seen(rosa); !bytes.Contains(body, []byte("PO Box")) || !bytes.Contains(body, []byte("Home Road")) {
		t.Errorf("the patient reads %s", body)
	}
	if list, err := Of(ctx, c.as(carer), "rosa"); err != nil || len(list) != 0 {
		t.Errorf("the carer sees %d requests, %v", len(list), err)
	}
	if _, err := c.as(carer).Find(ctx, "Patient", "address=York"); !fault.Is(err, fault.NotSupported) {
		t.Errorf("the carer searches by address: %v", err)
	}

	// The front desk corrects the usual number; the way stays, and no number of it is lost.
	n, _ = c.as(dana).Read(ctx, "Patient", "rosa")
	if p = patient.FromResource(n); p.Line != "1 Home Road" || p.Phone != "0113 496 0100" || p.ToCall() != "" {
		t.Errorf("the register: %+v", p)
	}
	p.Phone, p.City = "0113 496 0200", "Bradford"
	if _, err := patient.Update(ctx, c.as(dana), p, p.Version); err != nil {
		t.Fatal(err)
	}
	if p, _ := seen(dana); p.Address != "PO Box 7, York" || p.Phone != "" {
		t.Errorf("after a change of the register: %+v", p)
	}

	call := c.ask(rosa, Draft{Kind: Confidential, Reason: "phone", Should: "07700 900123"})
	c.do(Accommodate(ctx, c.as(amara), "rosa", call.ID, "We call you there."))
	if p, body := seen(dana); p.Phone != "07700 900123" || p.Address != "" || bytes.Contains(body, []byte("PO Box")) {
		t.Errorf("the newer way: %+v in %s", p, body)
	}
	if former := c.now(rosa, "rosa", letter.ID); former.State != Over {
		t.Errorf("the former request is %s", former.State)
	}
	list, _ := Of(ctx, c.as(rosa), "rosa")
	if q, ok := Reached(list); !ok || q.ID != call.ID {
		t.Errorf("in force: %v %+v", ok, q)
	}
	c.refuses(fault.Conflict, End(ctx, c.as(amara), "rosa", call.ID, "We would rather write.", false), "ended by the clinic alone")
	c.do(End(ctx, c.as(amara), "rosa", call.ID, "You asked for it.", true))
	if p, body := seen(dana); p.Phone != "0113 496 0200" || p.Address != "1 Home Road, Bradford" || bytes.Contains(body, []byte(policy.ReachURL)) || bytes.Contains(body, []byte("07700")) {
		t.Errorf("as usual again: %+v in %s", p, body)
	}
	if _, body := seen(carer); !bytes.Contains(body, []byte("Home Road")) {
		t.Errorf("the carer of somebody who asked for nothing reads %s", body)
	}
	if !json.Valid(body) {
		t.Error("no JSON")
	}
}
