package console

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
)

// figure is one measured row.
type figure struct {
	Name    string  `json:"name"`
	Clients int     `json:"clients,omitempty"`
	Rate    float64 `json:"perSecond,omitempty"`
	P50     float64 `json:"p50ms,omitempty"`
	P90     float64 `json:"p90ms,omitempty"`
	P99     float64 `json:"p99ms,omitempty"`
	Max     float64 `json:"maxms,omitempty"`
	// CPU is the processor time of the serving process for one operation, in microseconds:
	// the figure that other work on the machine disturbs least.
	CPU float64 `json:"cpuMicros,omitempty"`
	// After is what the process worked on when the row was over, for one operation, in microseconds.
	After  float64 `json:"afterMicros,omitempty"`
	Errors int     `json:"errors"`
	// Value and Unit are for what is not a rate: a size, a duration.
	Value float64 `json:"value,omitempty"`
	Unit  string  `json:"unit,omitempty"`
	// Histogram counts answers by their latency.
	Histogram []slot `json:"histogram,omitempty"`
}

// slot counts the answers that took up to a time and longer than the slot before.
type slot struct {
	UpTo  float64 `json:"upToms"`
	Count int64   `json:"count"`
}

func (f *figure) fill(h *histogram, took, cpu time.Duration) {
	if h.n == 0 {
		return
	}
	f.Rate = float64(h.n) / took.Seconds()
	f.P50, f.P90, f.P99, f.Max = h.at(0.5), h.at(0.9), h.at(0.99), ms(h.max)
	f.CPU = perOp(cpu, h.n)
	for i, n := range h.counts {
		if n > 0 {
			f.Histogram = append(f.Histogram, slot{round(edge(i)), n})
		}
	}
}

// histogram counts latencies in steps of a tenth: a quantile is right to 5 %.
type histogram struct {
	counts [220]int64 // up to 1 µs · 1.1^219, twenty minutes
	n      int64
	max    time.Duration
}

// edge is the upper end of a step in milliseconds.
func edge(i int) float64 { return math.Pow(1.1, float64(i)) / 1000 }

func (h *histogram) add(d time.Duration) {
	i := 0
	if us := float64(d) / 1000; us > 1 {
		i = min(int(math.Ceil(math.Log(us)/math.Log(1.1))), len(h.counts)-1)
	}
	h.counts[i]++
	h.n++
	h.max = max(h.max, d)
}

func (h *histogram) merge(o *histogram) {
	for i, n := range o.counts {
		h.counts[i] += n
	}
	h.n += o.n
	h.max = max(h.max, o.max)
}

// at returns a quantile in milliseconds, as if what lies in a step were spread evenly over it.
func (h *histogram) at(q float64) float64 {
	left := int64(math.Ceil(q * float64(h.n)))
	for i, n := range h.counts {
		if n > 0 && left <= n {
			return round(edge(i) * math.Pow(1.1, float64(left)/float64(n)-1))
		}
		left -= n
	}
	return 0
}

func round(v float64) float64 { return math.Round(v*1000) / 1000 }

// report is what a run prints and keeps.
type report struct {
	Commit    string    `json:"commit,omitempty"`
	At        time.Time `json:"at"`
	Machine   string    `json:"machine"`
	Cores     int       `json:"cores"`
	Go        string    `json:"go"`
	Load      [2]string `json:"load"` // of the machine in the minute before the run, and in its last
	Patients  int       `json:"patients"`
	Resources int64     `json:"resources"`
	Figures   []figure  `json:"figures"`

	progress io.Writer // a long run says each figure as soon as it has it; may be nil
}

func (r *report) add(f figure) {
	r.Figures = append(r.Figures, f)
	if r.progress != nil {
		f.print(r.progress)
	}
}

func (r *report) begin() {
	r.At, r.Cores, r.Go = time.Now().UTC().Truncate(time.Second), runtime.NumCPU(), runtime.Version()
	r.Machine = runtime.GOOS + "/" + runtime.GOARCH
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if _, rest, ok := strings.Cut(string(text), "model name"); ok {
			name, _, _ := strings.Cut(rest, "\n")
			r.Machine += ", " + strings.Trim(name, "\t :")
		}
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				r.Commit = s.Value[:min(12, len(s.Value))]
			}
		}
	}
	r.Load[0] = machineLoad()
}

// machineLoad is the number of processes that wanted to run in the last minute; "" where /proc is
// not.
func machineLoad() string {
	text, _ := os.ReadFile("/proc/loadavg")
	first, _, _ := strings.Cut(string(text), " ")
	return first
}

// finish prints the report, compares it and fails when a request did.
func (r *report) finish(w io.Writer, c *benchCommand) error {
	r.Load[1] = machineLoad()
	if c.Out != "" {
		text, err := json.MarshalIndent(r, "", " ")
		if err == nil {
			err = os.WriteFile(c.Out, append(text, '\n'), 0o600)
		}
		if err != nil {
			return fault.Wrap(err, fault.Invalid, "The figures cannot be written.")
		}
	}
	if c.JSON {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		if err := enc.Encode(r); err != nil {
			return err
		}
	} else {
		r.print(w)
	}
	if c.Against != "" {
		if err := r.against(w, c.Against); err != nil {
			return err
		}
	}
	failed := 0
	for _, f := range r.Figures {
		failed += f.Errors
	}
	if failed > 0 {
		return fault.New(fault.Internal, "%d requests failed: the figures do not count.", failed)
	}
	return nil
}

func (r *report) print(w io.Writer) {
	fmt.Fprintf(w, "%d patients, %d resources; encryption, validation, audit and fsync on; %d cores, client included; load %s to %s\n",
		r.Patients, r.Resources, r.Cores, r.Load[0], r.Load[1])
	fmt.Fprintf(w, "%-48s %7s %8s %8s %8s %8s %8s %8s %7s %6s\n", "", "clients", "per s", "p50 ms", "p90 ms", "p99 ms", "max ms", "CPU µs", "after", "errors")
	for _, f := range r.Figures {
		f.print(w)
	}
}

func (f figure) print(w io.Writer) {
	if f.Unit != "" {
		fmt.Fprintf(w, "%-48s %7s %8.4g %s\n", f.Name, "", f.Value, f.Unit)
		return
	}
	fmt.Fprintf(w, "%-48s %7d %8.0f %8.2f %8.2f %8.2f %8.1f %8.0f %7.0f %6d\n", f.Name, f.Clients, f.Rate, f.P50, f.P90, f.P99, f.Max, f.CPU, f.After, f.Errors)
}

// against prints what became of the figures of an earlier run: above 1 it is better now.
func (r *report) against(w io.Writer, path string) error {
	text, err := os.ReadFile(path)
	var old report
	if err == nil {
		err = json.Unmarshal(text, &old)
	}
	if err != nil {
		return fault.Wrap(err, fault.Invalid, "The figures of the earlier run cannot be read.")
	}
	fmt.Fprintf(w, "\nAgainst %s of %s, load %s to %s: above 1 is better now; compare processor time first.\n", old.Commit, old.At.Format(time.DateOnly), old.Load[0], old.Load[1])
	fmt.Fprintf(w, "%-48s %7s %8s %8s %8s %8s\n", "", "clients", "rate", "p50", "p99", "CPU")
	for _, f := range r.Figures {
		for _, o := range old.Figures {
			if o.Name != f.Name || o.Clients != f.Clients {
				continue
			}
			if f.Unit != "" {
				better := ratio(o.Value, f.Value)
				if f.Unit == "per s" || f.Unit == "GB/s" {
					better = ratio(f.Value, o.Value)
				}
				fmt.Fprintf(w, "%-48s %7s %8s\n", f.Name, "", better)
				continue
			}
			fmt.Fprintf(w, "%-48s %7d %8s %8s %8s %8s\n", f.Name, f.Clients, ratio(f.Rate, o.Rate), ratio(o.P50, f.P50), ratio(o.P99, f.P99), ratio(o.CPU, f.CPU))
		}
	}
	return nil
}

func ratio(a, b float64) string {
	if a <= 0 || b <= 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", a/b)
}
