package web

import "testing"

func TestAddressesHoldNothingTyped(t *testing.T) {
	for in, want := range map[string]string{
		"/charts?q=Okafor":                                                        "/charts",
		"/p/maria/timeline?asof=2026-01-02&years=3":                               "/p/maria/timeline?asof=2026-01-02&years=3",
		"/register?book=day%3D2026-11-24%26with%3Danna":                           "/register?book=day%3D2026-11-24%26with%3Danna",
		"/register?book=day%3D2026-11-24%26q%3DOkafor":                            "/register",
		"/sign-in?next=%2Fcharts":                                                 "/sign-in?next=%2Fcharts",
		"/sign-in?next=%2Fcharts%3Fq%3DOkafor":                                    "/sign-in",
		"/sign-in?next=https%3A%2F%2Fevil.example":                                "/sign-in",
		"/schedule?day=2026-11-24&patient=Maria+Okafor":                           "/schedule?day=2026-11-24",
		"/schedule?day=2026-11-24&at=2026-11-24T09%3A00%3A00%2B01%3A00&with=anna": "/schedule?day=2026-11-24&at=2026-11-24T09%3A00%3A00%2B01%3A00&with=anna",
		"/today?%zz": "/today",
		"/oauth/authorize?client_id=x&scope=launch%2Fpatient": "/oauth/authorize?client_id=x&scope=launch%2Fpatient",
		"/audit?person=&patient=&did=wrote":                   "/audit?person=&patient=&did=wrote",
		"/p/x/prescribe?renew=MedicationRequest%2Fm1":         "/p/x/prescribe?renew=MedicationRequest%2Fm1",
		"/sign-in/x?code=abc%2F%2B&state=s~1":                 "/sign-in/x?code=abc%2F%2B&state=s~1",
	} {
		if got := tidy(in); got != want {
			t.Errorf("%s becomes %s, not %s", in, got, want)
		}
	}
}
