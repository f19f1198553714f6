// Asks Prometheus' own engine which alerts fire and what expressions give on what pods exposed over time.
//
// One question on standard input, one answer on standard output, both JSON. The parser of expositions and of rules, the query engine and the
// templates of annotations are Prometheus' packages. Ours are the memory that they read, the labels and staleness markers of a scrape, and
// the wait of `for`: its packages for these bring the clients of three clouds along, in five times as many packages.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/model/textparse"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/template"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"
)

type question struct {
	Targets       []target `json:"targets"`
	ScrapeSeconds int64    `json:"scrape_seconds"`
	From          int64    `json:"from"` // epoch seconds of the first scrape, as all moments here
	Until         int64    `json:"until"`
	Rules         string   `json:"rules"` // a file of rules
	RulesFrom     int64    `json:"rules_from"`
	RulesSeconds  int64    `json:"rules_seconds"`
	Expressions   []string `json:"expressions"` // evaluated at the end
}

type target struct {
	Labels      map[string]string `json:"labels"`
	HonorLabels bool              `json:"honor_labels"`
	Answers     []exposition      `json:"answers"`
}

// What a target answers from a moment on; nothing if it is away.
type exposition struct {
	At   int64   `json:"at"`
	Text *string `json:"text"`
}

type alert struct {
	Alert       string            `json:"alert"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	Pending     int64             `json:"pending"` // since when
	Fired       []int64           `json:"fired"`   // every evaluation at which it did
	wait        time.Duration
	held        bool
}

type sample struct {
	Labels map[string]string `json:"labels"`
	Value  string            `json:"value"` // JSON has no NaN
}

type answer struct {
	Alerts  []*alert   `json:"alerts"`
	Results [][]sample `json:"results"`
	Error   string     `json:"error,omitempty"`
}

func main() {
	var asked question
	err := json.NewDecoder(os.Stdin).Decode(&asked)
	said := answer{Alerts: []*alert{}, Results: [][]sample{}}
	if err == nil {
		err = said.fill(asked)
	}
	if err != nil {
		said = answer{Error: err.Error()}
	}
	if err := json.NewEncoder(os.Stdout).Encode(said); err != nil {
		panic(err)
	}
}

func (said *answer) fill(asked question) error {
	kept, err := scraped(asked)
	if err != nil {
		return err
	}
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 50_000_000, Timeout: time.Minute, LookbackDelta: 5 * time.Minute,
		EnableAtModifier: true, EnableNegativeOffset: true})
	query := func(ctx context.Context, expression string, at time.Time) (promql.Vector, error) {
		prepared, err := engine.NewInstantQuery(ctx, kept, nil, expression, at)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", expression, err)
		}
		defer prepared.Close()
		found, err := prepared.Exec(ctx).Vector()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", expression, err)
		}
		return slices.Clone(found), nil
	}
	if said.Alerts, err = evaluated(asked, query); err != nil {
		return err
	}
	for _, expression := range asked.Expressions {
		found, err := query(context.Background(), expression, time.Unix(asked.Until, 0))
		if err != nil {
			return err
		}
		samples := []sample{}
		for _, each := range found {
			samples = append(samples, sample{each.Metric.Map(), fmt.Sprint(each.F)})
		}
		said.Results = append(said.Results, samples)
	}
	return nil
}

// As rules.AlertingRule.Eval: pending from the first evaluation that has the labels, firing once that is as long ago as `for` says.
func evaluated(asked question, query template.QueryFunc) ([]*alert, error) {
	groups, errs := rulefmt.Parse([]byte(asked.Rules), false, model.UTF8Validation)
	if len(errs) > 0 {
		return nil, errs[0]
	}
	all, active := []*alert{}, map[string]*alert{}
	for at := asked.RulesFrom; at <= asked.Until; at += asked.RulesSeconds {
		for _, group := range groups.Groups {
			for _, rule := range group.Rules {
				found, err := query(context.Background(), rule.Expr, time.Unix(at, 0))
				if err != nil {
					return nil, err
				}
				for _, each := range found {
					key := rule.Alert + each.Metric.DropReserved(func(name string) bool { return name == labels.MetricName }).String()
					now, known := active[key]
					if !known {
						now = &alert{Alert: rule.Alert, Labels: each.Metric.Map(), Pending: at, Fired: []int64{}, wait: time.Duration(rule.For)}
						active[key] = now
						all = append(all, now)
					}
					now.held = true
					if time.Duration(at-now.Pending)*time.Second < now.wait {
						continue
					}
					now.Fired = append(now.Fired, at)
					if now.Annotations, err = expanded(rule.Annotations, each, at, query); err != nil {
						return nil, err
					}
				}
			}
		}
		maps.DeleteFunc(active, func(_ string, each *alert) bool { return !each.held })
		for _, each := range active {
			each.held = false
		}
	}
	return all, nil
}

func expanded(texts map[string]string, of promql.Sample, at int64, query template.QueryFunc) (map[string]string, error) {
	data := template.AlertTemplateData(of.Metric.Map(), nil, "", of)
	made := map[string]string{}
	for name, text := range texts {
		text = "{{$labels := .Labels}}{{$value := .Value}}" + text
		// a label that is not there is an error here, and nothing at all in Prometheus
		expander := template.NewTemplateExpander(context.Background(), text, name, data, model.TimeFromUnix(at), query, nil, []string{"missingkey=error"})
		var err error
		if made[name], err = expander.Expand(); err != nil {
			return nil, err
		}
	}
	return made, nil
}

type memory []storage.Series

func scraped(asked question) (memory, error) {
	samples, known := map[uint64][]chunks.Sample{}, map[uint64]labels.Labels{}
	for _, each := range asked.Targets {
		seen := map[uint64]float64{}
		for index, from := range each.Answers {
			until := asked.Until + 1
			if index+1 < len(each.Answers) {
				until = each.Answers[index+1].At
			}
			exposed := map[uint64]float64{}
			if err := each.read(from.Text, exposed, known); err != nil {
				return nil, err
			}
			for at := first(asked, from.At); at < until; at += asked.ScrapeSeconds {
				for series := range seen {
					if _, still := exposed[series]; !still {
						samples[series] = append(samples[series], point{at * 1000, math.Float64frombits(value.StaleNaN)})
					}
				}
				for series, found := range exposed {
					samples[series] = append(samples[series], point{at * 1000, found})
				}
				seen = exposed
			}
		}
	}
	kept := memory{}
	for series, found := range samples {
		slices.SortFunc(found, func(a, b chunks.Sample) int { return int(a.T() - b.T()) })
		kept = append(kept, storage.NewListSeries(known[series], found))
	}
	slices.SortFunc(kept, func(a, b storage.Series) int { return labels.Compare(a.Labels(), b.Labels()) })
	return kept, nil
}

// The first scrape at or after a moment.
func first(asked question, at int64) int64 {
	if late := (at - asked.From) % asked.ScrapeSeconds; late > 0 {
		return at + asked.ScrapeSeconds - late
	}
	return at
}

// As scrape.mutateSampleLabels: what a sample calls itself goes before the target's labels, or gives way to them.
func (each target) read(text *string, exposed map[uint64]float64, known map[uint64]labels.Labels) error {
	up, body := 0.0, ""
	if text != nil {
		up, body = 1, *text
	}
	keep := func(found labels.Labels, number float64) {
		made := labels.NewBuilder(found)
		for name, own := range each.Labels {
			if said := found.Get(name); said != "" && each.HonorLabels {
				continue
			} else if said != "" {
				made.Set("exported_"+name, said)
			}
			made.Set(name, own)
		}
		found = made.Labels()
		exposed[found.Hash()], known[found.Hash()] = number, found
	}
	parser, err := textparse.New([]byte(body), "text/plain", labels.NewSymbolTable(), textparse.ParserOptions{})
	if err != nil {
		return err
	}
	for {
		entry, err := parser.Next()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
		if entry == textparse.EntrySeries {
			var found labels.Labels
			parser.Labels(&found)
			_, _, number := parser.Series()
			keep(found.Copy(), number)
		}
	}
	keep(labels.FromStrings(labels.MetricName, "up"), up)
	return nil
}

type point struct {
	t int64
	f float64
}

func (p point) T() int64                      { return p.t }
func (p point) F() float64                    { return p.f }
func (p point) H() *histogram.Histogram       { return nil }
func (p point) FH() *histogram.FloatHistogram { return nil }
func (p point) Type() chunkenc.ValueType      { return chunkenc.ValFloat }
func (p point) Copy() chunks.Sample           { return p }

func (m memory) Querier(_, _ int64) (storage.Querier, error) {
	return &storage.MockQuerier{SelectMockFunction: func(_ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
		chosen := memory{}
		for _, each := range m {
			fits := func(matcher *labels.Matcher) bool { return matcher.Matches(each.Labels().Get(matcher.Name)) }
			if !slices.ContainsFunc(matchers, func(matcher *labels.Matcher) bool { return !fits(matcher) }) {
				chosen = append(chosen, each)
			}
		}
		return &selected{chosen: chosen, index: -1}
	}}, nil
}

type selected struct {
	chosen memory
	index  int
}

func (s *selected) Next() bool                      { s.index++; return s.index < len(s.chosen) }
func (s *selected) At() storage.Series              { return s.chosen[s.index] }
func (*selected) Err() error                        { return nil }
func (*selected) Warnings() annotations.Annotations { return nil }
