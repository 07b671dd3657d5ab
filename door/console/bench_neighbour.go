package console

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/osler-emr/osler/base/fault"
)

// attackers are the clients of the account that asks costly questions beside a neighbour.
const attackers = 50

// costly are questions that take all that a server has: of everybody, with everything, sorted and
// by what no index answers.
var costly = []string{
	"/fhir/Observation?_include=*&_revinclude=*&_include:iterate=*&_count=1000",
	"/fhir/Patient?_revinclude:iterate=*&_include:iterate=*&_count=1000",
	"/fhir/Patient?family:contains=a&name:contains=i&_sort=family,given,birthdate,-_lastUpdated&_count=1000",
	"/fhir/Observation?subject:Patient.general-practitioner.name:contains=a&_count=1000&_total=accurate",
	"/fhir/_history?_count=1000",
	"/fhir/Encounter?_has:Observation:encounter:code:missing=false&_sort=-date&_count=1000",
}

// neighbour measures one client alone, and beside clients of another account that ask costly
// questions: the rows say how long it waits then, the ratio how much longer.
func (b *bench) neighbour(ctx context.Context) {
	for _, r := range b.reading() {
		if r.name != "read Patient" && r.name != "Patient by name" {
			continue
		}
		r.name = "neighbour: " + r.name
		if !b.command.wants(r.name) {
			continue
		}
		alone := b.run(ctx, r, 1)
		r.name += ", beside 50 hostile clients"
		stop := b.attack(ctx)
		under, _ := b.measure(ctx, r, 1)
		asked := stop()
		b.report.add(alone)
		b.report.add(under)
		if alone.P99 > 0 {
			b.report.add(figure{Name: r.name + ": p99 to alone", Value: round(under.P99 / alone.P99), Unit: "times"})
		}
		b.report.add(figure{Name: r.name + ": answers to them", Value: float64(asked), Unit: "answers"})
	}
}

// attack lets clients of another account ask costly questions until it is stopped, and tells how
// many were answered, with a refusal or not.
func (b *bench) attack(ctx context.Context) (stop func() (answers int)) {
	ctx, end := context.WithCancel(ctx)
	var group sync.WaitGroup
	var mu sync.Mutex
	answers := 0
	for i := range attackers {
		group.Go(func() {
			for k := i; ctx.Err() == nil; k++ {
				if b.hostile(ctx, costly[k%len(costly)]) == nil {
					mu.Lock()
					answers++
					mu.Unlock()
				}
			}
		})
	}
	time.Sleep(time.Second) // until all of them are there
	return func() int {
		end()
		group.Wait()
		return answers
	}
}

// hostile asks one costly question. That it is refused is as good as an answer.
func (b *bench) hostile(ctx context.Context, path string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.base+path, nil)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+b.hostileToken)
	r.Header.Set("Accept-Encoding", "identity")
	res, err := b.client.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode >= 500 {
		return fault.New(fault.Internal, "status %d", res.StatusCode)
	}
	_, err = io.Copy(io.Discard, res.Body)
	return err
}
