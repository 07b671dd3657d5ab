package web

import (
	"net/http"
	"strings"

	"github.com/osler-emr/osler/door/ui"
)

// demoView is the first page of a demonstration.
type demoView struct {
	Clinic         string
	Demo           *Demo
	Staff, Patient []DemoAccount
}

func demoPage(w http.ResponseWriter, r *Request) error {
	v := demoView{Clinic: r.Site.Clinic, Demo: r.Site.Demo}
	for _, a := range r.Site.Demo.Accounts {
		if a.Patient {
			v.Patient = append(v.Patient, a)
		} else {
			v.Staff = append(v.Staff, a)
		}
	}
	return Page(w, r, ui.Page{Title: r.Lang.T("Welcome")}, demoWelcome(v))
}

// initials of a name, titles left out: "Dr Anna Lindqvist" is AL.
func initials(name string) string {
	name, _, _ = strings.Cut(name, ",")
	words := strings.Fields(name)
	if len(words) > 1 && (words[0] == "Dr" || words[0] == "Dr.") {
		words = words[1:]
	}
	out := ""
	for i, w := range words {
		if i == 0 || i == len(words)-1 {
			out += strings.ToUpper(string([]rune(w)[:1]))
		}
	}
	return out
}
