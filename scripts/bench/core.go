package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"text/tabwriter"
)

// coreAlone runs what internal/core measures of itself, on both engines where there
// is a PostgreSQL. The team list has a benchmark of its own (BenchmarkPeople), since
// making a million people takes many minutes.
func coreAlone(o options) error {
	for _, engine := range []string{"sqlite", "postgres"} {
		if err := coreOn(o, engine); err != nil {
			fmt.Fprintf(o.out, "\nThe core on %s could not be measured: %v\n", engine, err)
		}
	}
	return nil
}

func coreOn(o options, engine string) error {
	dir, err := os.MkdirTemp("", "doorstep-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "measured.json")
	args := []string{"test", "-count=1", "-timeout=30m", "-run=^$", "-bench=^BenchmarkMeasure$", "-benchtime=1x", "./internal/core"}
	if engine == "postgres" {
		args = append([]string{"run", "./internal/db/dbtest/withpostgres", "go"}, args...)
	}
	cmd := exec.Command("go", args...)
	cmd.Env = append(os.Environ(), "DOORSTEP_MEASURE="+file, "DOORSTEP_MEASURE_ENGINE="+engine)
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, text)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var lines []struct {
		Name, Bound, Extra string
		Rate, Of           []float64
	}
	if err := json.Unmarshal(text, &lines); err != nil {
		return err
	}
	w := tabwriter.NewWriter(o.out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "\nThe core alone, medians of rounds in turns, %s\n", engine)
	fmt.Fprintln(w, "what\ta second\tbound\ta second\tratio")
	for _, l := range lines {
		var ratios []float64
		for i := range l.Rate {
			ratios = append(ratios, l.Rate[i]/l.Of[i])
		}
		fmt.Fprintf(w, "%s\t%.0f\t%s\t%.0f\t%.2f (%.2f–%.2f)\t%s\n", l.Name, middle(l.Rate), l.Bound, middle(l.Of), middle(ratios), slices.Min(ratios), slices.Max(ratios), l.Extra)
	}
	return w.Flush()
}
