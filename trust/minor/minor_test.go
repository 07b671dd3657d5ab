package minor

import (
	"slices"
	"testing"
	"time"
)

func TestRowsAreInOrderAndSay(t *testing.T) {
	seen := map[int]bool{}
	for i, r := range rules {
		if r.Source == "" || r.Name == "" || r.Narrow < 1 || r.Narrow > r.End || r.Account > r.End || r.Account < r.Narrow && r.Code != "" && r.Code != "US" && r.Account < 12 {
			t.Errorf("%+v", r)
		}
		if i > 0 && rules[i-1].Code >= r.Code {
			t.Errorf("%s stands behind %s", r.Code, rules[i-1].Code)
		}
		seen[r.Narrow], seen[r.Account], seen[r.End] = true, true, true
		if rules[0].Narrow > r.Narrow {
			t.Errorf("%s narrows before the default, which is to be the careful one", r.Code)
		}
	}
	for _, age := range []int{12, 13, 14, 16, 18} {
		if !seen[age] {
			t.Errorf("no row turns at %d", age)
		}
	}
	if _, err := Find("XX"); err == nil || For("XX").Code != "" {
		t.Error("an unknown jurisdiction is no fault, or not the default")
	}
}

// TestStandsByTheClock goes through the birthdays of every row.
func TestStandsByTheClock(t *testing.T) {
	const born = "2010-03-05"
	day := func(age int) time.Time { return time.Date(2010+age, 3, 5, 0, 0, 0, 0, time.UTC) }
	for _, r := range Rules() {
		for _, c := range []struct {
			at   time.Time
			want Level
		}{
			{day(0), Full}, {day(r.Narrow).Add(-15 * time.Hour), Full}, {day(r.Narrow), Limited},
			{day(r.End).Add(-15 * time.Hour), Limited}, {day(r.End), Over}, {day(r.End + 40), Over},
		} {
			if got, until := r.Stands(born, c.at); got != c.want || got != Over && !until.After(c.at) {
				t.Errorf("%q at %s: %q until %s, not %q", r.Code, c.at, got, until, c.want)
			}
		}
		if got, _ := r.Stands("", day(1)); got != Over {
			t.Errorf("%q without a date of birth: %q", r.Code, got)
		}
		if got, _ := r.Stands("2010", time.Date(2010+r.End, 1, 1, 0, 0, 0, 0, time.UTC)); got != Over {
			t.Errorf("%q with the year alone: %q on the first day on which it can be over", r.Code, got)
		}
	}
	if Reached("", 12, day(30)) || !Reached(born, 12, day(12)) || Reached(born, 12, day(12).Add(-15*time.Hour)) {
		t.Error("an age is reached without a date of birth, or on another day")
	}
	if at, ok := Birthday("2012-02-29", 13); !ok || !slices.Contains([]int{28, 1}, at.Day()) {
		t.Errorf("born on 29 February: %s", at)
	}
}
