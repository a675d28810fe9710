// Command oracle says what kube-scheduler's own plugins say about pods and nodes.
//
//	oracle feasible F.json...                          answers for v1 Lists, one JSON line a pending pod
//	oracle generate --seeds A..B --out F [--answers F] random clusters, one v1 List a line; with the answers beside
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"k8s.io/klog/v2"
)

func main() {
	klog.SetOutput(io.Discard)
	klog.LogToStderr(false)
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "oracle:", err)
		os.Exit(1)
	}
}

const usage = "usage: oracle feasible F.json... | oracle generate --seeds A..B --out F [--answers F]"

func run(arguments []string) error {
	if len(arguments) == 0 {
		return fmt.Errorf("%s", usage)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	switch arguments[0] {
	case "feasible":
		return feasibleCommand(ctx, arguments[1:])
	case "generate":
		return generateCommand(ctx, arguments[1:])
	}
	return fmt.Errorf("unknown command %q; %s", arguments[0], usage)
}

func feasibleCommand(ctx context.Context, files []string) error {
	if len(files) == 0 {
		return fmt.Errorf("no file given; %s", usage)
	}
	judge, err := newJudge(ctx)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for _, path := range files {
		err := eachCluster(path, func(name string, cluster *cluster) error {
			return writeAnswers(ctx, judge, out, name, cluster)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func writeAnswers(ctx context.Context, judge *judge, out io.Writer, name string, cluster *cluster) error {
	answers, err := judge.answers(ctx, name, cluster)
	if err != nil {
		return err
	}
	for _, answer := range answers {
		line, err := json.Marshal(answer)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(out, "%s\n", line); err != nil {
			return err
		}
	}
	return nil
}

// parseSeeds reads "A..B" (both included) or "A".
func parseSeeds(text string) (first, last int64, err error) {
	low, high, ranged := strings.Cut(text, "..")
	if first, err = strconv.ParseInt(low, 10, 64); err != nil {
		return 0, 0, fmt.Errorf("--seeds %q: want A..B", text)
	}
	last = first
	if ranged {
		if last, err = strconv.ParseInt(high, 10, 64); err != nil {
			return 0, 0, fmt.Errorf("--seeds %q: want A..B", text)
		}
	}
	if last < first {
		return 0, 0, fmt.Errorf("--seeds %q: the last seed is before the first", text)
	}
	return first, last, nil
}

func generateCommand(ctx context.Context, arguments []string) error {
	flags := flag.NewFlagSet("generate", flag.ContinueOnError)
	seeds := flags.String("seeds", "", "A..B, both included")
	outPath := flags.String("out", "", "file for the clusters, one v1 List a line")
	answersPath := flags.String("answers", "", "file for the answers; the key \"file\" is the name given by --out")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	first, last, err := parseSeeds(*seeds)
	if err != nil {
		return err
	}
	if *outPath == "" {
		return fmt.Errorf("--out is missing; %s", usage)
	}
	file, err := os.Create(*outPath)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(file, 1<<20)
	for seed := first; seed <= last; seed++ {
		line, err := generate(seed)
		if err != nil {
			return fmt.Errorf("seed %d: %w", seed, err)
		}
		if _, err := fmt.Fprintf(out, "%s\n", line); err != nil {
			return err
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	if *answersPath == "" {
		return nil
	}
	return answerFile(ctx, *outPath, *answersPath)
}

// answerFile judges the clusters as written, so that both sides read the same bytes.
func answerFile(ctx context.Context, clusters, answers string) error {
	judge, err := newJudge(ctx)
	if err != nil {
		return err
	}
	file, err := os.Create(answers)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(file, 1<<20)
	err = eachCluster(clusters, func(name string, cluster *cluster) error {
		return writeAnswers(ctx, judge, out, name, cluster)
	})
	if err != nil {
		return err
	}
	if err := out.Flush(); err != nil {
		return err
	}
	return file.Close()
}
