package ui

import (
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"
)

// Page is what a page shell needs beside the page's own body. A handler gives Title,
// Active and Patient; door/web fills in the rest from the request and the site.
type Page struct {
	Title   string   // of the browser tab, without patient data: "Medications"
	Active  string   // Href of the navigation item that is current
	Patient *Banner  // the chart's banner; nil outside a chart
	Sheets  []string // further style sheets of asset, for rare kinds of page: "reconcile.css"
	Narrow  bool     // a page of one form: centred, narrow
	Scripts []string // assets that this page needs beside app.js: "chart.js"

	Skip    NavItem // a second link at the start of the page, past all else to what it is there for
	Nav     []NavItem
	Path    string // of this page, for returning after an undo or a setting
	Clinic  string // the clinic's name
	User    string // "Dr A. Lindqvist"; "" when nobody is signed in
	Theme   string // light, dark, or "" for the system's
	Density string // compact or comfortable
	Idle    int    // seconds without activity after which the session locks; 0 for none
	Who     string // account of the reader: the page is taken away when its session ends
	Held    string // what alone opens the record that it shows, such as break-glass; "" for nothing
	Large   bool   // larger text, for patients
	NoKeys  bool   // single-key shortcuts are switched off
	NoFind  bool   // the reader's role finds no patients: no search in the top bar
	Demo    bool   // demonstration data
	Acting  *Acting
	Toast   *Toast
}

// Acting says whose record a page of the portal shows, to people who can open several.
type Acting struct {
	Name    string // of the person whom the reader acts for; "" is the own record
	Limited bool
}

// NavItem is one entry of the main navigation.
type NavItem struct {
	Label, Href string
	Icon        string
	Count       int    // shown as a badge when above 0
	Urgent      bool   // the badge is red
	CountLabel  string // "waiting for you", read behind the number
	Wide        bool   // left out on a phone: there it is reached otherwise
}

// Toast says that something is done, with a way to take it back while that is possible.
type Toast struct {
	Text string
	Undo string // token for POST /undo; "" when it cannot be undone
	Bad  bool   // it failed
	Next string // where to go after the undo
}

// htmxConfig is htmx's configuration, in the page's head: no history cache (it would keep
// patient data in the browser), no eval, answers with faults are swapped like others.
const htmxConfig = `{"historyCacheSize":0,"refreshOnHistoryMiss":true,"allowEval":false,"allowScriptTags":false,"includeIndicatorStyles":false,"selfRequestsOnly":true,"attributesToSettle":["class","width","height"],"timeout":15000,"responseHandling":[{"code":"204","swap":false},{"code":"[23]..","swap":true},{"code":"[45]..","swap":true,"error":true}]}`

// Reach is how somebody is reached who has asked for it, and no other way: Way is "post", "phone",
// "email" or "portal", "" for nothing asked.
type Reach struct{ Way, To string }

// Banner identifies the patient of a page (CUI patient banner, PAB rules).
type Banner struct {
	ID           string // of the Patient, for links
	Name         Name
	Born, Died   string // FHIR dates
	Sex          string // in words: "Female"
	RecordNumber string
	Phone        string
	Reach        Reach  // how the patient is reached in confidence, and no other way
	Photo        string // URL on this site; "" shows initials
	Allergies    Allergies
	Visit        string // "Visit in progress, Room 3, since 10:20"
	Glass        string // id of the reader's emergency access to this record, while it lasts
	GlassUntil   time.Time
	AsOf         string // the chart is read as it was at this time
	NoClinical   bool   // the reader's role may not see clinical data (PAB-0008)
}

// AllergyState is one of the four states that a banner keeps apart (CUI PAB-0067..0071).
type AllergyState uint8

// The states. The zero value says that the record could not be asked: a page that forgets
// to ask never claims that there are none.
const (
	AllergiesUnavailable AllergyState = iota
	AllergiesNotRecorded
	NoKnownAllergies
	KnownAllergies
)

// Allergies is what a banner says about allergies.
type Allergies struct {
	State  AllergyState
	Items  []Allergy // for KnownAllergies, most severe first
	Asked  string    // FHIR date on which "no known allergies" was stated
	Denied []string  // statements that there is none of a kind, where nothing else is known
	// Partial says that allergies may be kept from the reader, so that none is said of what the reader sees.
	Partial bool
}

// Allergy is one allergy in a line: penicillin — anaphylaxis.
type Allergy struct{ Substance, Reaction string }

// shown is how many allergies stand in a banner before "and n more".
const shown = 4

func (a Allergies) first() []Allergy { return a.Items[:min(shown, len(a.Items))] }
func (a Allergies) more() int        { return max(0, len(a.Items)-shown) }

// stop is what stands behind the i-th of the first: a semicolon, or nothing behind the last.
func (a Allergies) stop(i int) string {
	if i < len(a.first())-1 {
		return ";"
	}
	return ""
}

// glassLeft is how long the emergency access still lasts, in whole minutes, rounded up so that
// the last minute is not "0".
func (b Banner) glassLeft(now time.Time) int {
	return int((b.GlassUntil.Sub(now) + time.Minute - 1) / time.Minute)
}

func sexWord(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

func density(p Page) string {
	if p.Density == "" {
		return "compact"
	}
	return p.Density
}

// goKey is the letter behind g that opens a page of the main navigation.
func goKey(href string) string {
	switch href {
	case "/today":
		return "h"
	case "/inbox":
		return "b"
	}
	return ""
}

func idleAttr(p Page) templ.Attributes {
	if p.Idle == 0 {
		return nil
	}
	return templ.Attributes{"data-idle": strconv.Itoa(p.Idle), "data-who": p.Who, "data-held": p.Held}
}
