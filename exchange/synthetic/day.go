package synthetic

import (
	"fmt"
	"slices"
	"time"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/trust/policy"
)

// clinicDay is today: the schedule, and what waits for someone.
type clinicDay struct {
	*world
	dice
	resources []*fhir.Node
	leading   time.Time     // the slot of the patient who is next
	back      time.Duration // length of the slots before it
	ahead     time.Duration // length of the slots after it
}

// The day holds this many slots before and after the leading one.
const (
	slotsBack  = 7
	slotsAhead = 11
)

func (w *world) day() *clinicDay {
	d := &clinicDay{world: w, dice: newDice(w.seed, 1<<40), back: 20 * time.Minute, ahead: 20 * time.Minute}
	now := w.today
	midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location())
	d.leading = now.Add(time.Duration(20-now.Minute()%20) * time.Minute)
	// Near midnight the slots are squeezed, so that all of them stay in today.
	if left := midnight.AddDate(0, 0, 1).Sub(d.leading); left < (slotsAhead+1)*d.ahead {
		d.leading = now
		d.ahead = max(0, (midnight.AddDate(0, 0, 1).Sub(now)-time.Minute)/(slotsAhead+1)).Truncate(time.Minute)
	}
	if gone := d.leading.Sub(midnight); gone < (slotsBack+1)*d.back {
		d.back = (gone / (slotsBack + 1)).Truncate(time.Minute)
	}
	return d
}

// slot is the start of the i-th slot from the leading one; negative ones are over.
func (d *clinicDay) slot(i int) time.Time {
	if i < 0 {
		return d.leading.Add(time.Duration(i) * d.back)
	}
	return d.leading.Add(time.Duration(i) * d.ahead)
}

func (d *clinicDay) minutes(i int) int {
	if i < 0 {
		return max(1, int(d.back.Minutes()))
	}
	return max(1, int(d.ahead.Minutes()))
}

// book puts a patient into a slot of today that has not been seen yet.
func (d *clinicDay) book(c *chart, i int, status string, room int, kind, reason, comment string) {
	d.bookWith(c.doctor, c, i, status, room, kind, reason, comment)
}

func (d *clinicDay) bookWith(who *staff, c *chart, i int, status string, room int, kind, reason, comment string) {
	var place *fhir.Node
	if room > 0 {
		place = d.rooms[room]
	}
	c.appointment(status, d.slot(i), d.minutes(i), who, place, kind, reason, comment)
}

// later books a visit in days from now.
func (c *chart) later(days int, who *staff, kind, reason string) {
	t := c.world.today.AddDate(0, 0, days)
	for t.Weekday() == time.Saturday || t.Weekday() == time.Sunday {
		t = t.AddDate(0, 0, 1)
	}
	c.appointment("booked", clinicHours(t, c.between(0, 22)), 20, who, nil, kind, reason, "")
}

// panel grows all patients of the clinic: the told stories, then people of all ages, and
// fills the physicians' day with them.
func (w *world) panel(d *clinicDay) []*chart {
	list := d.stories()
	ages := [][2]int{{0, 2}, {1, 4}, {3, 8}, {6, 12}, {10, 15}, {13, 18}, {17, 24}, {22, 32}, {28, 42}, {35, 50}, {40, 58}, {50, 64}, {55, 70}, {62, 76}, {66, 82}, {70, 88}, {78, 93}}
	for i := len(list); i < 81; i++ {
		age := ages[i%len(ages)]
		c := w.chart(uint64(i)+1000, func(d dice) person { return d.anyone(age[0], age[1], w.today) })
		c.destiny()
		list = append(list, c)
	}
	d.fill(list)
	d.future(list)
	return list
}

// fill gives the physicians the rest of their day: visits that are over, people who wait,
// people still to come.
func (d *clinicDay) fill(list []*chart) {
	for k, doctor := range d.doctors {
		var free []*chart
		for _, c := range list {
			if c.doctor == doctor && !c.told && c.person.died.IsZero() && c.visits > 0 {
				free = append(free, c)
			}
		}
		slices.SortStableFunc(free, func(a, b *chart) int { return b.visits - a.visits })
		next := func() *chart {
			if len(free) == 0 {
				return nil
			}
			c := free[0]
			free = free[1:]
			return c
		}
		for i := -slotsBack; i < -1; i++ {
			c := next()
			switch {
			case c == nil || !d.slot(i).Before(d.today):
			case i == -3:
				d.book(c, i, "noshow", 0, "Follow-up", pick(c.dice, "Blood pressure review", "Review of medicines"), "Two reminders sent, not reached by phone")
			default:
				d.done(c, i)
			}
		}
		if k == 0 {
			if c := next(); c != nil {
				d.book(c, 9, "cancelled", 0, "Follow-up", "Review", "Feels better, will call again")
			}
			continue // the told stories fill this physician's day
		}
		plan := []struct {
			status, comment string
			room            int
		}{{"checked-in", "", 3 + k}, {"arrived", "Checked in by phone", 0}, {"arrived", "", 0}, {"booked", "Confirmed by text", 0}, {"cancelled", "Asked for a new time next week", 0},
			{"booked", "Confirmed by text", 0}, {"booked", "", 0}, {"booked", "Not confirmed, two reminders sent", 0}, {"booked", "", 0}}
		for i, p := range plan {
			if c := next(); c != nil {
				d.book(c, i, p.status, p.room, "Follow-up", c.bookReason(), p.comment)
			}
		}
	}
}

func (c *chart) bookReason() string {
	if c.age(c.world.today) < 18 {
		return pick(c.dice, "Check-up", "Cough since Friday", "Vaccines", "Ear pain")
	}
	if len(c.courses) == 0 {
		return pick(c.dice, "Sore shoulder", "Travel vaccines", "Tired since summer", "Skin check")
	}
	return pick(c.dice, "Review of long-term conditions", "Results and medicines", "Blood pressure review", "Knee pain", "Dizzy when standing")
}

// done is a visit of this morning, finished and signed.
func (d *clinicDay) done(c *chart, i int) {
	at := d.slot(i)
	if !at.Add(time.Minute).Before(d.today) || !at.After(c.lastVisit) {
		return
	}
	if c.age(at) < 18 {
		v := c.begin(at, "Same-day visit", "Cough and runny nose", "visit-2")
		diagnosis := v.diagnosis(cold, at.AddDate(0, 0, -2))
		v.tells("Coughs since the weekend, eats and plays as usual.")
		v.finds("Eardrums pale, throat slightly red, chest clear.")
		v.assess(diagnosis, "viral.", "Fluids and patience. Back for fever over three days or fast breathing.")
		v.close()
		return
	}
	c.followUp(at, c.visits)
}

// future books the next visit of every fourth patient.
func (d *clinicDay) future(list []*chart) {
	for i, c := range list {
		if i%4 == 1 && !c.told && c.person.died.IsZero() && c.visits > 0 {
			c.later(c.between(2, 60), c.doctor, "Follow-up", c.bookReason())
		}
	}
}

// task is a line of someone's inbox.
func (c *chart) task(kind, description, priority string, owner *staff, focus *fhir.Node, at time.Time) *fhir.Node {
	display := map[string]string{"review-result": "Review a result", "refill-request": "Refill request", "answer-message": "Answer a message",
		"patient-measurement": "Measured by the patient", "duplicate-patient": "Possible duplicate", "follow-up": "Follow up"}[kind]
	n := set(resource(c.dice, "Task"), "status", "requested", "intent", "order", "priority", priority,
		"code", concept(display, code{taskCode, kind, display}), "description", description)
	if focus != nil {
		n.Set("focus", ref(focus))
	}
	requester := owner.reference()
	if kind == "refill-request" || kind == "answer-message" || kind == "patient-measurement" {
		requester = c.refNamed()
	}
	return c.emit(set(n, "for", c.refNamed(), "authoredOn", moment(c.world.past(at)), "lastModified", moment(c.world.past(at)), "requester", requester, "owner", owner.reference()))
}

// unread has results come in that nobody has looked at, and asks the owner to. The
// description names what is out of range, or the first value.
func (c *chart) unread(p panel, daysAgo int, owner *staff, why *fhir.Node) {
	collected := c.world.today.AddDate(0, 0, -daysAgo)
	collected = time.Date(collected.Year(), collected.Month(), collected.Day(), 8, 40, 0, 0, collected.Location())
	if collected.After(c.world.today.Add(-time.Hour)) {
		collected = c.world.today.Add(-2 * time.Hour)
	}
	c.bloods(p, collected, why, nil, func(n *fhir.Node) { c.emit(n) })
	text, priority := "", "routine"
	for _, key := range p.tests {
		t := tests[key]
		word := map[string]string{"H": "high", "L": "low", "HH": "critically high", "LL": "critically low"}[t.grade(c.seen[key], c.person.female)]
		if word == "" {
			continue
		}
		if text != "" {
			text += "; "
		}
		text += (&visit{chart: c}).told(key) + ", " + word
		if len(word) > 5 {
			priority = "stat"
		} else if priority == "routine" && len(p.tests) > 0 {
			priority = "urgent"
		}
	}
	if text == "" {
		text = (&visit{chart: c}).told(p.tests[0]) + ", in range"
	}
	c.task("review-result", text, priority, owner, c.latestReport, c.answered)
}

// comment writes the physician's words for the patient to the latest report or result.
func (c *chart) comment(text string, at time.Time) {
	n := c.latestReport
	if n.ResourceType() == "DiagnosticReport" {
		n.Set("conclusion", fhir.Str(text))
		return
	}
	n.Set("note", fhir.Arr(fhir.Obj("authorReference", c.doctor.reference(), "time", moment(at), "text", text)))
}

// message is a line between portal and clinic (or between colleagues, kind staff-message).
type message struct {
	kind     string
	from, to *fhir.Node
	at       time.Time
	subject  string
	text     string
	thread   *fhir.Node // first message, nil for the first
	read     bool
	about    *fhir.Node
}

func (c *chart) send(m message) *fhir.Node {
	words := map[string]string{"patient-message": "Message between patient and clinic", "staff-message": "Message between colleagues"}[m.kind]
	n := set(resource(c.dice, "Communication"))
	if m.thread != nil {
		n.Set("partOf", fhir.Arr(ref(m.thread)))
	}
	set(n, "status", "completed", "category", fhir.Arr(concept(words, code{"urn:osler:message", m.kind, words})),
		"subject", c.refNamed(), "topic", concept(m.subject))
	if m.about != nil {
		n.Set("about", fhir.Arr(ref(m.about)))
	}
	n.Set("sent", fhir.Str(moment(m.at)))
	if m.read {
		n.Set("received", fhir.Str(moment(c.world.past(m.at.Add(40*time.Minute)))))
	}
	return c.emit(set(n, "recipient", fhir.Arr(m.to), "sender", m.from, "payload", fhir.Arr(fhir.Obj("contentString", m.text))))
}

// asks sends a patient's unread message and puts it into the owner's inbox.
func (c *chart) asks(owner *staff, at time.Time, subject, text string, priority string) {
	n := c.send(message{kind: "patient-message", from: c.refNamed(), to: owner.reference(), at: at, subject: subject, text: text})
	c.task("answer-message", subject, priority, owner, n, at)
}

// thread is an answered exchange: question and answer, both read.
func (c *chart) thread(who *staff, at time.Time, subject, question, answer string) *fhir.Node {
	first := c.send(message{kind: "patient-message", from: c.refNamed(), to: who.reference(), at: at, subject: subject, text: question, read: true})
	c.send(message{kind: "patient-message", from: who.reference(), to: c.refNamed(), at: at.Add(3 * time.Hour), subject: subject, text: answer, thread: first, read: true})
	return first
}

// colleague is an unread message between staff about the patient.
func (c *chart) colleague(from, to *staff, at time.Time, subject, text string) {
	c.send(message{kind: "staff-message", from: from.reference(), to: to.reference(), at: at, subject: subject, text: text})
}

// refill asks for more of a running medicine.
func (c *chart) refill(m medicine, owner *staff, at time.Time, priority, note string) {
	if o := c.medicines[m.text]; o != nil {
		c.task("refill-request", m.text+note, priority, owner, o.node, at)
	}
}

// homeReading is a measurement by the patient: waiting for a clinician, or accepted.
func (c *chart) homeReading(build func(at time.Time, by *fhir.Node) *fhir.Node, at time.Time, accepted bool, description string, owner *staff) {
	n := build(at, c.refNamed())
	n.Get("meta").Get("tag").Append(policy.Reported.Tag(""))
	c.emit(n)
	if accepted {
		return
	}
	n.Set("status", fhir.Str("preliminary"))
	c.task("patient-measurement", description, "routine", owner, n, at)
}

func (c *chart) homePressure(sys, dia float64, at time.Time, accepted bool, owner *staff) {
	c.homeReading(func(at time.Time, by *fhir.Node) *fhir.Node { return c.pressure(sys, dia, at, by, nil) }, at, accepted,
		fmt.Sprintf("Home blood pressure %.0f/%.0f mmHg", sys, dia), owner)
}

func (c *chart) homeWeight(kg float64, at time.Time, accepted bool, owner *staff) {
	c.homeReading(func(at time.Time, by *fhir.Node) *fhir.Node { return c.vital(bodyWeight, kg, at, by, nil) }, at, accepted,
		fmt.Sprintf("Home weight %.1f kg", kg), owner)
}

// says files a medicine as the patient states it.
func (c *chart) says(text, status, note string, since, asserted time.Time) {
	period := fhir.Obj("start", day(since))
	if status == "stopped" {
		period = fhir.Obj("end", day(since))
	}
	c.emit(set(resource(c.dice, "MedicationStatement"), "status", status, "medicationCodeableConcept", concept(text),
		"subject", c.ref(), "effectivePeriod", period, "dateAsserted", moment(asserted), "informationSource", c.refNamed(),
		"note", fhir.Arr(fhir.Obj("text", note))))
}
